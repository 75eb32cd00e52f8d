import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, toLanternError } from '../base/errors.ts';
import { orThrow } from '../base/parsed.ts';
import { parseUtf8 } from '../base/text.ts';
import { wrongUsage } from './exit.ts';
import { readInput } from './input.ts';
import type { Terminal } from './terminal.ts';

const MANIFEST_NAME = /\.(ya?ml|json)$/;
const NO_MANIFESTS = 'has no .yaml, .yml or .json files; -R also reads directories below it, -k a kustomization';

/** `-` is stdin. Errors as `readInput`. */
export async function readBytes(path: string, terminal: Terminal): Promise<Uint8Array> {
  if (path === '-') return terminal.readInput();
  refuseUrl(path);
  try {
    return await readInput(createReadStream(path), `"${path}"`);
  } catch (error) {
    throw toLanternError(error, `read "${path}"`);
  }
}

/** `invalid-argument` gives the place of the first byte that is not UTF-8. */
export async function readText(path: string, terminal: Terminal): Promise<string> {
  return orThrow(parseUtf8(await readBytes(path, terminal), nameOfFile(path)));
}

/** Expands `-f` arguments as kubectl does. A directory represents its .yaml, .yml and .json files in order of name. */
export async function manifestFiles(paths: readonly string[], recursive: boolean): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    refuseUrl(path);
    if (path === '-' || !(await isDirectory(path))) {
      files.push(path);
      continue;
    }
    const found = await filesIn(path, recursive);
    if (found.length === 0) throw invalid([{ field: `directory "${path}"`, message: NO_MANIFESTS }]);
    files.push(...found);
  }
  return files;
}

/** Throws `wrongUsage`. */
export function refuseUrl(path: string): void {
  if (!/^https?:\/\//.test(path)) return;
  throw wrongUsage(`"${path}": nothing is downloaded; fetch it first, with curl ("-f -" reads stdin) or with git`);
}

export async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw toLanternError(error, `read "${path}"`);
  }
}

async function filesIn(directory: string, recursive: boolean): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    throw toLanternError(error, `read the directory "${directory}"`);
  });
  const files: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (recursive) files.push(...(await filesIn(path, recursive)));
    } else if (MANIFEST_NAME.test(entry.name)) {
      files.push(path);
    }
  }
  return files;
}

export function inFile(file: string, field: string): string {
  return field === '' ? nameOfFile(file) : `${nameOfFile(file)}: ${field}`;
}

export function nameOfFile(file: string): string {
  return file === '-' ? 'stdin' : file;
}

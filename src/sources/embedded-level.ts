import { readdir } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';
import { errnoOf, LanternError, toLanternError } from '../base/errors.ts';
import type { DataPaths } from './data-directory.ts';

export type Level = ClassicLevel<string, Uint8Array>;

/** What the operator does about a store that cannot be used as it is. */
export const WAY_BACK = 'stop here and restore a backup with "lantern restore FILE", as docs/store.md describes';

/**
 * Opens LevelDB, whose lock admits one process. `failed-precondition` when another one has it, `data-loss` when it
 * finds itself damaged, or is not there and may not be made.
 */
export async function openLevel(directory: string, mayCreate: boolean, what: string): Promise<Level> {
  const level: Level = new ClassicLevel(directory, { keyEncoding: 'utf8', valueEncoding: 'view' });
  try {
    // What is sealed does not get shorter.
    await level.open({ createIfMissing: mayCreate, compression: false });
    return level;
  } catch (error) {
    throw levelError(error, what);
  }
}

/** Any error of LevelDB's. Its text goes into the cause only. */
export function levelError(error: unknown, what: string): LanternError {
  if (error instanceof LanternError || errnoOf(error) !== undefined) return toLanternError(error, what);
  const texts: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    texts.push('code' in at ? String(at.code) : '', at.message);
  }
  const text = texts.join(' ');
  const refuse = (code: LanternError['code'], why: string) =>
    new LanternError(code, `${what}: ${why}`, { cause: error });
  if (text.includes('LEVEL_LOCKED')) {
    return refuse('failed-precondition', 'another process has it open; stop that daemon, or name another --data-dir');
  }
  if (/No space left|quota/i.test(text)) return refuse('resource-exhausted', 'no space is left on its disk; make room');
  if (/Permission denied|not permitted/i.test(text)) return refuse('permission-denied', 'the permission is missing');
  if (/Too many open files/i.test(text)) return refuse('resource-exhausted', 'too many files are open');
  return refuse('data-loss', `the database is damaged; ${WAY_BACK}`);
}

/** Whether there never was a store: no head, and no file that LevelDB keeps data in or finds it by. */
export async function isUnused({ database, head, directory }: DataPaths): Promise<boolean> {
  const names = await namesIn(database);
  if (names.some((name) => name === 'CURRENT' || /\.(?:ldb|sst|log)$/.test(name))) return false;
  return !(await namesIn(directory)).includes(head.slice(directory.length + 1));
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw toLanternError(error, `look into "${directory}"`);
  }
}

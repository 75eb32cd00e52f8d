import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * A directory that is made from other files. Paths are relative to the checkout; `inputs` are files or directories.
 * `make` fills the directory it is given.
 *
 * @typedef {{ name: string, path: string, inputs: string[], make: (directory: string) => void }} Output
 */

/** Written last: a directory without it is not finished. */
const STAMP = '.stamp';

/**
 * True if the directory was made from the present inputs. Compared by content, because git does not keep times.
 *
 * @param {string} top
 * @param {Output} output
 */
export function isOutputFresh(top, output) {
  return readStamp(join(top, output.path)) === digestOf(top, output.inputs);
}

/**
 * Makes the directory beside its place, and moves it there when it is complete.
 *
 * @param {string} top
 * @param {Output} output
 */
export function makeOutput(top, output) {
  const place = join(top, output.path);
  const aside = join(top, '.cache/making', output.path);
  const replaced = `${aside}.replaced`;
  // Before the work: what is edited meanwhile makes the result stale.
  const digest = digestOf(top, output.inputs);
  rmSync(join(top, '.cache/making'), { recursive: true, force: true });
  mkdirSync(aside, { recursive: true });
  output.make(aside);
  writeFileSync(join(aside, STAMP), digest);
  mkdirSync(dirname(place), { recursive: true });
  if (statSync(place, { throwIfNoEntry: false }) !== undefined) renameSync(place, replaced);
  renameSync(aside, place);
  rmSync(join(top, '.cache/making'), { recursive: true, force: true });
}

/** @param {string} directory */
function readStamp(directory) {
  try {
    return readFileSync(join(directory, STAMP), 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * @param {string} top
 * @param {string[]} inputs
 */
function digestOf(top, inputs) {
  const hash = createHash('sha256');
  for (const file of inputs.flatMap((input) => filesOf(top, input))) {
    const bytes = readFileSync(join(top, file));
    hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

/**
 * The files of an input, in a fixed order. Names with a leading dot are editors' and ours, not sources.
 *
 * @param {string} top
 * @param {string} input
 * @returns {string[]}
 */
function filesOf(top, input) {
  const entry = statSync(join(top, input), { throwIfNoEntry: false });
  if (entry === undefined) return [];
  if (!entry.isDirectory()) return [input];
  const names = readdirSync(join(top, input)).filter((name) => !name.startsWith('.'));
  return names.sort().flatMap((name) => filesOf(top, join(input, name)));
}

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { versionOf } from './versioned-payload.ts';

/** The observations of a reader. */
export type ReaderReport = {
  readonly versions: number;
  readonly reads: number;
  /** Violations, a line each. */
  readonly complaints: readonly string[];
};

/**
 * Resolves `..data`, reads everything below it again and again for a while, and starts over, until its input ends; then
 * it prints a ReaderReport. Argument: the directory.
 */
const [, , directory = ''] = process.argv;

/** A slow reader stays this long in one generation, in milliseconds; as long again it changes with each reading. */
const LINGER_MS = 250;

/** Enough to see what is wrong. */
const MAX_COMPLAINTS = 10;

let isOver = false;
process.stdin.on('end', () => (isOver = true)).resume();
console.log('reading');

const versions = new Set<number>();
const complaints: string[] = [];
let reads = 0;
while (!isOver) {
  const generation = join(directory, readlinkSync(join(directory, '..data')));
  const isSlow = performance.now() % (2 * LINGER_MS) < LINGER_MS;
  const until = isSlow ? performance.now() + LINGER_MS : 0;
  do {
    readOnce(generation);
    await setImmediate();
  } while (performance.now() < until && !isOver);
}
const report: ReaderReport = { versions: versions.size, reads, complaints };
console.log(JSON.stringify(report));

function readOnce(generation: string): void {
  try {
    const found = new Set<number | undefined>();
    for (const entry of readdirSync(generation, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) found.add(versionOf(readFileSync(join(entry.parentPath, entry.name), 'utf8')));
    }
    const [version, ...others] = found;
    if (version === undefined || others.length > 0) complaints.push(`torn: ${[...found].join(', ')} in ${generation}`);
    else versions.add(version);
    reads++;
  } catch (error) {
    complaints.push(String(error));
  }
  if (complaints.length >= MAX_COMPLAINTS) isOver = true;
}

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { versionOf } from './versioned-payload.ts';

/** That a directory of a volume showed a version of what is in it, from a moment on: milliseconds since 1970 UTC. */
export type Sighting = readonly [place: string, version: number, at: number];

/** The observations of a watcher of volumes. */
export type WatcherReport = {
  readonly sightings: readonly Sighting[];
  /** Violations, a line each. */
  readonly complaints: readonly string[];
  /** The longest pause between two looks at one volume, in milliseconds: how exact the sightings are. */
  readonly longestPauseMs: number;
};

/**
 * Looks at every volume in these directories, over and over, until its input ends; then it prints a WatcherReport. A
 * volume holds directories: the files of each hold one version, which only grows. Arguments: directories of volumes.
 */
const parents = process.argv.slice(2);
const ROUND_MS = 10;
/** Enough to see what is wrong. */
const MAX_COMPLAINTS = 20;

const volumes = parents.flatMap((parent) => readdirSync(parent).map((name) => join(parent, name)));
const generations = new Map<string, string>();
const newest = new Map<string, number>();
const sightings: Sighting[] = [];
const complaints: string[] = [];
let longestPauseMs = 0;

let isOver = false;
process.stdin.on('end', () => (isOver = true)).resume();
lookAtAll();
console.log('watching');

for (let last = performance.now(); !isOver; ) {
  await sleep(ROUND_MS);
  lookAtAll();
  longestPauseMs = Math.max(longestPauseMs, performance.now() - last);
  last = performance.now();
}
lookAtAll();
const report: WatcherReport = { sightings, complaints, longestPauseMs: Math.round(longestPauseMs) };
console.log(JSON.stringify(report));

function lookAtAll(): void {
  for (const volume of volumes) {
    try {
      look(volume);
    } catch (error) {
      complain(String(error));
    }
  }
}

function look(volume: string): void {
  const generation = readlinkSync(join(volume, '..data'));
  if (generations.get(volume) === generation) return;
  generations.set(volume, generation);
  for (const name of readdirSync(join(volume, generation))) {
    const directory = join(volume, generation, name);
    const found = readdirSync(directory).map((file) => versionOf(readFileSync(join(directory, file), 'utf8')));
    const [version, ...others] = new Set(found);
    const place = join(volume, name);
    if (version === undefined || others.length > 0) {
      complain(`torn: ${found.join(', ')} in ${directory}`);
      continue;
    }
    const before = newest.get(place) ?? -1;
    if (version < before) complain(`reversed: ${version} after ${before} in ${place}`);
    if (version > before) {
      newest.set(place, version);
      sightings.push([place, version, Date.now()]);
    }
  }
}

function complain(line: string): void {
  if (complaints.length < MAX_COMPLAINTS) complaints.push(line);
}

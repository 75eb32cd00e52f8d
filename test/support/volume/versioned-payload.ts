import type { Payload } from '../../../src/payload/payload.ts';
import { payloadOf } from './volume-content.ts';

/** The number that every file of a version holds, again and again, so that a truncated file is detected. */
const REPEATS = 200;

/**
 * A payload by number, with the number in every file. Which files there are depends on it too: `a` and `b/c` always,
 * `d` sometimes, and `e` is a file or a directory. `also` adds files that are always there.
 */
export function versionedPayload(version: number, also: readonly string[] = []): Payload {
  const text = versionText(version);
  const paths = ['a', 'b/c', ...also, ...(version % 2 === 0 ? ['d'] : []), version % 3 === 0 ? 'e' : 'e/f'];
  return payloadOf(Object.fromEntries(paths.map((path) => [path, text])));
}

/** The contents of a file of that version. */
export function versionText(version: number): string {
  return `${version}\n`.repeat(REPEATS);
}

/** The version that a file is of; undefined when it is none, or cut short. */
export function versionOf(text: string): number | undefined {
  const version = Number.parseInt(text, 10);
  return text === versionText(version) ? version : undefined;
}

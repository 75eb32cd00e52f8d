import { lstatSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoOf } from '../base/errors.ts';

/**
 * What no target may be, lie in or cover: these files and directories, the sockets, and each socket's directory as far as it
 * is for sockets only. One that somebody put into a directory with other things, `/run` perhaps, does not claim all of it.
 */
export function ownPlaces(places: readonly (string | undefined)[], sockets: readonly string[]): readonly string[] {
  const directories = sockets.map(dirname).filter(hasOnlySockets);
  return [...places.filter((place) => place !== undefined), ...sockets, ...directories];
}

/** So has one that the daemon will make. */
function hasOnlySockets(directory: string): boolean {
  try {
    return readdirSync(directory).every((name) => lstatSync(join(directory, name)).isSocket());
  } catch (error) {
    return errnoOf(error) === 'ENOENT';
  }
}

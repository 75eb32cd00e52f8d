import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { errnoOf, LanternError, toLanternError } from '../base/errors.ts';
import type { DataPaths } from './data-directory.ts';
import { isWholeTable } from './level-table.ts';

export type Level = ClassicLevel<string, Uint8Array>;

/** What the operator does about a store that cannot be used as it is. */
export const WAY_BACK = 'stop here and restore a backup with "lantern restore FILE", as docs/store.md describes';

/**
 * Opens LevelDB, whose lock admits one process. `failed-precondition` when another one has it, `data-loss` when it
 * finds itself damaged, or is not there and may not be made.
 */
export async function openLevel(directory: string, mayCreate: boolean, what: string): Promise<Level> {
  await requireUnlocked(directory, what);
  const damaged = await setAsideDamaged(directory);
  const level: Level = new ClassicLevel(directory, { keyEncoding: 'utf8', valueEncoding: 'view' });
  try {
    // What is sealed does not get shorter.
    await level.open({ createIfMissing: mayCreate, compression: false });
    for (const path of damaged) await rm(asideName(path));
    return level;
  } catch (error) {
    for (const path of damaged) await rename(asideName(path), path);
    throw levelError(error, what);
  }
}

/**
 * LevelDB must not get to read a damaged table. With those out of its way it finds itself damaged if it needs them; if
 * not, they are what a killed process had not finished.
 */
async function setAsideDamaged(directory: string): Promise<readonly string[]> {
  const damaged: string[] = [];
  for (const name of await namesIn(directory)) {
    const path = join(directory, name);
    if (!/\.(?:ldb|sst)$/.test(name) || (await isWholeTable(path))) continue;
    await rename(path, asideName(path));
    damaged.push(path);
  }
  return damaged;
}

function asideName(path: string): string {
  return `${path}.damaged`;
}

/** Before anything is touched; LevelDB's own lock decides between two that come at once. */
async function requireUnlocked(directory: string, what: string): Promise<void> {
  try {
    const { ino } = await stat(join(directory, 'LOCK'));
    const locks = await readFile('/proc/locks', 'utf8');
    if (new RegExp(`POSIX .* WRITE .*:${ino} `).test(locks)) throw lockedError(what);
  } catch (error) {
    if (error instanceof LanternError) throw error;
    // No lock file yet, or no such list: LevelDB will say.
  }
}

function lockedError(what: string): LanternError {
  return new LanternError(
    'failed-precondition',
    `${what}: another process has it open; stop that daemon, or name another --data-dir`,
  );
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
  if (text.includes('LEVEL_LOCKED')) return lockedError(what);
  if (/No space left|quota/i.test(text)) return refuse('resource-exhausted', 'no space is left on its disk; make room');
  if (/Permission denied|not permitted/i.test(text)) return refuse('permission-denied', 'the permission is missing');
  if (/Read-only file system/i.test(text)) return refuse('failed-precondition', 'its file system is read-only');
  if (/Input\/output error/i.test(text)) return refuse('unavailable', 'its disk fails (EIO)');
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

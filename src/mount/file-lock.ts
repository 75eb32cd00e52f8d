import { closeSync, constants as fs, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { LanternError, toLanternError } from '../base/errors.ts';
import { tryLock } from './system-calls.ts';

/**
 * Holds `path` (made when missing, 0600) with flock(2) until disposed or the process ends, however it ends. The file
 * stays and names the holder's pid: removing it would let two daemons lock two files of the same name.
 * `failed-precondition` when another process, or this one, holds it.
 */
export function lockFile(path: string): Disposable {
  const fd = openLockFile(path);
  try {
    if (!tryLock(fd)) throw heldByAnother(path);
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`, 0);
  } catch (error) {
    closeSync(fd);
    throw toLanternError(error, `lock "${path}"`);
  }
  let isHeld = true;
  return {
    [Symbol.dispose]: () => {
      if (isHeld) closeSync(fd);
      isHeld = false;
    },
  };
}

function openLockFile(path: string): number {
  try {
    const fd = openSync(path, fs.O_RDWR | fs.O_CREAT | fs.O_NOFOLLOW, 0o600);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
  } catch (error) {
    throw toLanternError(error, `open the lock file "${path}"`);
  }
  throw new LanternError('failed-precondition', `open the lock file "${path}": it is not a regular file; remove it`);
}

function heldByAnother(path: string): LanternError {
  const pid = /^\d+$/.exec(readFileSync(path, 'utf8').trim())?.[0];
  const holder = pid === undefined ? 'another process' : `the process ${pid}`;
  return new LanternError(
    'failed-precondition',
    `lock "${path}": ${holder} holds it; stop that daemon, or use another --run-dir`,
  );
}

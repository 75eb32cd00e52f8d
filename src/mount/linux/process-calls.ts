import { closeSync, constants as fs, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import koffi from 'koffi';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { forbidCoreFiles, setNotDumpable, tryLock } from './system-calls.ts';

/**
 * Protects the secrets in this process's memory: no core file, no ptrace, no /proc/<pid>/mem for the same user, and no
 * debugger, which Node starts at SIGUSR1 without a listener, on a loopback port open to every local user.
 */
export function hardenProcess(): void {
  forbidCoreFiles();
  setNotDumpable();
  if (!process.listeners('SIGUSR1').includes(ignore)) process.on('SIGUSR1', ignore);
}

function ignore(): void {}

/** The process that connected to a unix socket. Pid 0 is a process outside this one's pid namespace. */
type PeerCredentials = { readonly pid: number; readonly uid: number };

type GetSockOpt = (fd: number, level: number, option: number, value: Buffer, length: Buffer) => number;

/**
 * Returns a function that reads who called connect(2) on the other side of a socket (SO_PEERCRED); undefined if that is
 * not available. Call it once and early: loading takes long enough for the first client to notice.
 */
export function peerCredentialReader(): (fd: number) => PeerCredentials | undefined {
  // Both are the same on x86-64 and arm64.
  const SOL_SOCKET = 1;
  const SO_PEERCRED = 17;
  const types = ['int', 'int', 'int', 'void *', 'void *'];
  const getsockopt = koffi.load(null).func('getsockopt', 'int', types) as GetSockOpt;
  return (fd) => {
    const credentials = Buffer.alloc(12);
    const length = Buffer.alloc(4);
    length.writeInt32LE(credentials.length);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) return undefined;
    return { pid: credentials.readInt32LE(0), uid: credentials.readUInt32LE(4) };
  };
}

/**
 * Locks `path` (created if missing, 0600) with flock(2) until disposed or the process ends. The file, with the holder's
 * pid, stays: otherwise two daemons could lock two files of one name. `failed-precondition` if the lock is held.
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

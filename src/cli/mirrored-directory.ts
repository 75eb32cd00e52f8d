import {
  chmodSync,
  chownSync,
  type Dirent,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../base/errors.ts';
import { bindRecursively, makePrivate, makeUnbindable, moveMountTo, pivotHere } from '../mount/namespace-calls.ts';
import { MS_NODEV, MS_NOSUID, mount } from '../mount/system-calls.ts';

/**
 * Puts a copy in memory over a directory, in a mount namespace of one's own: every entry is the very file or directory
 * that was there, by bind, and new entries can be made that the host never sees. `stage` is an empty directory to build
 * the copy in; it is empty again afterwards. Throws what the system calls throw.
 */
export function mirrorDirectory(directory: string, stage: string): void {
  const { mode, uid, gid } = statSync(directory);
  mount('lantern', stage, 'tmpfs', MS_NOSUID | MS_NODEV, '');
  // The stage may lie below an entry of the directory: without this its own copy would hold a copy of itself.
  makeUnbindable(stage);
  for (const entry of readdirSync(directory, { withFileTypes: true })) mirrorEntry(directory, stage, entry);
  chownSync(stage, uid, gid);
  chmodSync(stage, mode & 0o7777);
  if (directory === '/') {
    process.chdir(stage);
    pivotHere();
    process.chdir('/');
  } else {
    moveMountTo(stage, directory);
  }
  makePrivate(directory);
}

/** What is gone by now is left out. */
function mirrorEntry(directory: string, stage: string, entry: Dirent): void {
  const from = join(directory, entry.name);
  const to = join(stage, entry.name);
  try {
    if (entry.isSymbolicLink()) {
      symlinkSync(readlinkSync(from), to);
      const { uid, gid } = lstatSync(from);
      lchownSync(to, uid, gid);
      return;
    }
    if (entry.isDirectory()) mkdirSync(to);
    else writeFileSync(to, '');
    bindRecursively(from, to);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    rmSync(to, { recursive: true, force: true });
  }
}

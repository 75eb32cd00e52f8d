import { chmodSync, statSync } from 'node:fs';
import { readAccessList, removeAccessLists, removeDefaultList, writeAccessList } from './directory-calls.ts';

/** Whom a directory lets in besides its owner and root: everybody, or these users and groups only. They may read and search. */
export type DirectoryAccess = 'everybody' | { readonly users: readonly number[]; readonly groups: readonly number[] };

const OPEN = 0o755;
const CLOSED = 0o700;
/** How a directory with such a list looks: the group's bits are the most that anybody on it gets. */
const LISTED = 0o750;
/** Whoever knows a name in it gets there, nobody can list it. */
const UNLISTABLE = 0o711;

/**
 * Lets in whom the access names, by mode and access control list. `path` leads to an opened directory of the daemon's user, in
 * `/proc/self/fd`. A directory that is so already is not touched; one that changes lets nobody else in meanwhile, and
 * nobody out whom both let in. False where the file system has no such lists: then whoever knows a name in it gets there.
 */
export function setDirectoryAccess(path: string, access: DirectoryAccess): boolean {
  const list = access === 'everybody' ? undefined : accessList(access);
  const mode = access === 'everybody' ? OPEN : list === undefined ? CLOSED : LISTED;
  if (isSame(stateOf(path), { mode, list })) return true;
  if (list === undefined) {
    chmodSync(path, mode);
    removeAccessLists(path);
    return true;
  }
  removeDefaultList(path);
  if (writeAccessList(path, list)) return true;
  chmodSync(path, UNLISTABLE);
  return false;
}

/** Who gets in, as the file system has it. */
export type DirectoryState = { readonly mode: number; readonly list: Buffer | undefined };

export function stateOf(path: string): DirectoryState {
  return { mode: statSync(path).mode & 0o7777, list: readAccessList(path) };
}

/** Puts back what `stateOf` saw. */
export function restoreState(path: string, { mode, list }: DirectoryState): void {
  if (list !== undefined && writeAccessList(path, list)) return;
  chmodSync(path, mode);
  removeAccessLists(path);
}

function isSame(a: DirectoryState, b: DirectoryState): boolean {
  return a.mode === b.mode && Buffer.compare(a.list ?? NONE, b.list ?? NONE) === 0;
}

const NONE = Buffer.alloc(0);

/** Tags of acl(5), in the order that they must stand in. */
const OWNER = 0x01;
const USER = 0x02;
const OWNING_GROUP = 0x04;
const GROUP = 0x08;
const MASK = 0x10;
const OTHERS = 0x20;

const ALL = 7;
const READ_AND_SEARCH = 5;
const NO_ID = 0xffff_ffff;
const VERSION = 2;

/** As the kernel takes it: entries of tag, permissions and id. Undefined where nobody is named. */
function accessList({ users, groups }: Exclude<DirectoryAccess, 'everybody'>): Buffer | undefined {
  if (users.length === 0 && groups.length === 0) return undefined;
  const named = (tag: number, ids: readonly number[]) => {
    return [...new Set(ids)].sort((a, b) => a - b).map((id) => [tag, READ_AND_SEARCH, id] as const);
  };
  const entries = [
    [OWNER, ALL, NO_ID] as const,
    ...named(USER, users),
    [OWNING_GROUP, 0, NO_ID] as const,
    ...named(GROUP, groups),
    [MASK, READ_AND_SEARCH, NO_ID] as const,
    [OTHERS, 0, NO_ID] as const,
  ];
  const list = Buffer.alloc(4 + 8 * entries.length);
  list.writeUInt32LE(VERSION, 0);
  for (const [index, [tag, permissions, id]] of entries.entries()) {
    list.writeUInt16LE(tag, 4 + 8 * index);
    list.writeUInt16LE(permissions, 6 + 8 * index);
    list.writeUInt32LE(id, 8 + 8 * index);
  }
  return list;
}

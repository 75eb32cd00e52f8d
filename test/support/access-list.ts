import koffi from 'koffi';

/** Whatever is made in the directory from now on can be read and written by this user, as far as its mode lets the group. */
export function setDefaultAccessList(directory: string, user: number): void {
  const everybody = 0xffffffff;
  const entries = [
    [0x01, 7, everybody],
    [0x02, 7, user],
    [0x04, 5, everybody],
    [0x10, 7, everybody],
    [0x20, 5, everybody],
  ] as const;
  const list = Buffer.alloc(4 + 8 * entries.length);
  list.writeUInt32LE(2, 0);
  for (const [index, [tag, permissions, id]] of entries.entries()) {
    list.writeUInt16LE(tag, 4 + 8 * index);
    list.writeUInt16LE(permissions, 6 + 8 * index);
    list.writeUInt32LE(id, 8 + 8 * index);
  }
  const setxattr = koffi.load(null).func('setxattr', 'int', ['str', 'str', 'void *', 'size_t', 'int']);
  if (setxattr(directory, 'system.posix_acl_default', list, list.length, 0) !== 0) {
    throw new Error(`setxattr on "${directory}": errno ${koffi.errno()}`);
  }
}

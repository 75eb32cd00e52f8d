import { closeSync, constants, openSync } from 'node:fs';
import { hostFileSystem } from '../../src/mount/detect/detect-publisher.ts';
import { descriptorFileSystem } from '../../src/mount/direct/descriptor-file-system.ts';
import { O_PATH } from '../../src/mount/linux/system-calls.ts';
import { nodeFileSystem } from '../../src/volume/file-system.ts';
import { createMemoryFileSystem } from '../../src/volume/memory-file-system.ts';
import { TempDir } from '../support/suite/temp-dir.ts';
import { type FileSystemPlace, fileSystemContract } from './file-system-contract.ts';

const isRoot = process.getuid?.() === 0;

function onHost(parent?: string, fs = nodeFileSystem): FileSystemPlace {
  const directory = new TempDir(parent);
  return { fs, directory: directory.path, [Symbol.dispose]: () => directory[Symbol.dispose]() };
}

/** The path is a name only: it need not even be that of the directory. */
function byDescriptor(parent?: string): FileSystemPlace {
  const directory = new TempDir(parent);
  const fd = openSync(directory.path, O_PATH | constants.O_DIRECTORY);
  return {
    fs: descriptorFileSystem(() => fd, '/some/name'),
    directory: '/some/name',
    [Symbol.dispose]: () => {
      closeSync(fd);
      directory[Symbol.dispose]();
    },
  };
}

fileSystemContract('tmpfs', () => onHost('/dev/shm'), { givesOwners: isRoot });
fileSystemContract('tmpfs with volumes', () => onHost('/dev/shm', hostFileSystem), { givesOwners: isRoot });
fileSystemContract('a plain directory', () => onHost(), { givesOwners: isRoot });
fileSystemContract('tmpfs by descriptor', () => byDescriptor('/dev/shm'), { givesOwners: isRoot, refusesLinks: true });
fileSystemContract('a plain directory by descriptor', () => byDescriptor(), {
  givesOwners: isRoot,
  refusesLinks: true,
});
fileSystemContract(
  'memfs',
  () => {
    const fs = createMemoryFileSystem();
    fs.mkdir('/directory', 0o755);
    return { fs, directory: '/directory', [Symbol.dispose]: () => {} };
  },
  { givesOwners: true },
);

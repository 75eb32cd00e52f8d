import { createMemoryFileSystem } from '../../src/volume/memory-file-system.ts';
import { nodeFileSystem } from '../../src/volume/node-file-system.ts';
import { TempDir } from '../support/temp-dir.ts';
import { type FileSystemPlace, fileSystemContract } from './file-system-contract.ts';

const isRoot = process.getuid?.() === 0;

function onHost(parent?: string): FileSystemPlace {
  const directory = new TempDir(parent);
  return { fs: nodeFileSystem, directory: directory.path, [Symbol.dispose]: () => directory[Symbol.dispose]() };
}

fileSystemContract('tmpfs', () => onHost('/dev/shm'), { givesOwners: isRoot });
fileSystemContract('a plain directory', () => onHost(), { givesOwners: isRoot });
fileSystemContract(
  'memfs',
  () => {
    const fs = createMemoryFileSystem();
    fs.mkdir('/directory', 0o755);
    return { fs, directory: '/directory', [Symbol.dispose]: () => {} };
  },
  { givesOwners: true },
);

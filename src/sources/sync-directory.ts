import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes names created, renamed or removed in the directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * Replaces a file in one step, 0600: at every moment, a crash of the machine included, it holds the old bytes or the
 * new ones; the new ones on return.
 */
export async function replaceFile(path: string, chunks: Iterable<Uint8Array | string>): Promise<void> {
  const unfinished = `${path}.new`;
  const file = await open(unfinished, 'w', 0o600);
  try {
    for (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, path);
  await syncDirectory(dirname(path));
}

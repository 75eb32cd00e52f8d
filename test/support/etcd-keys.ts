import { createKeyFile, type KeyRing, readKeyRing } from '../../src/sources/key-file.ts';

/** The keys in these files, made where there are none: the first seals, all open. */
export async function testKeys(...files: readonly string[]): Promise<KeyRing> {
  for (const file of files) await createKeyFile(file);
  return await readKeyRing(files);
}

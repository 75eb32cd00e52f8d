import type { FileHandle } from 'node:fs/promises';
import { openTemporaryFile } from '../../base/files.ts';
import type { Progress } from '../../base/progress.ts';
import { objectToManifest } from '../../objects/manifest/object-to-manifest.ts';
import { draftOf, refKey, refOf, type StoredObject } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { Archive, ArchiveWriter } from '../../stores/archive/archive.ts';
import { passingKey } from '../../stores/sealed/key-file.ts';
import { collectObjects } from '../objects/collect-objects.ts';
import { printYaml } from '../output/print-yaml.ts';

/**
 * A snapshot of a daemon's objects, in a nameless file, encrypted with a key that is only in memory. Memory may be too
 * small for the objects, and an export must not contain changes made during the read.
 */
export class Spool implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #archive: Archive;
  /** By `refKey`: the position of the last version written. */
  readonly #numbers: ReadonlyMap<string, number>;

  private constructor(file: FileHandle, archive: Archive, numbers: ReadonlyMap<string, number>) {
    this.#file = file;
    this.#archive = archive;
    this.#numbers = numbers;
  }

  /** `directory` must have room for all objects. Errors as `collectObjects`. */
  static async fill(directory: string, daemon: LanternClient, progress: Progress, signal: AbortSignal): Promise<Spool> {
    progress.begin('reading objects');
    const file = await openTemporaryFile(directory);
    try {
      const key = passingKey();
      const writer = await ArchiveWriter.begin(file, key);
      const numbers = new Map<string, number>();
      let written = 0;
      const present = await collectObjects(
        daemon,
        async (object) => {
          await writer.append(object);
          numbers.set(refKey(refOf(object)), written++);
          progress.step();
        },
        signal,
      );
      await writer.finish();
      const keys = { first: key, byId: new Map([[key.id, key]]) };
      const archive = await Archive.open(file, keys, 'read the spool file');
      return new Spool(file, archive, new Map([...numbers].filter(([name]) => present.has(name))));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get count(): number {
    return this.#numbers.size;
  }

  /** Yields each object once. */
  async *objects(): AsyncGenerator<StoredObject, void> {
    let number = 0;
    for await (const object of this.#archive.objects()) {
      if (this.#numbers.get(refKey(refOf(object))) === number++) yield object;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** YAML documents for `lantern apply -f`, without the metadata of this store. */
export async function* manifestTexts(objects: AsyncIterable<StoredObject>): AsyncGenerator<string, void> {
  for await (const object of objects) {
    yield `---\n${printYaml(objectToManifest(draftOf(object), { withData: true }))}\n`;
  }
}

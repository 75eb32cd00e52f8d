import type { FileHandle } from 'node:fs/promises';
import { openTemporaryFile } from '../../base/files.ts';
import { objectToManifest } from '../../objects/manifest/object-to-manifest.ts';
import { draftOf, refKey, refOf, type StoredObject } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { Archive, ArchiveWriter } from '../../stores/archive/archive.ts';
import { passingKey } from '../../stores/sealed/key-file.ts';
import { collectObjects } from '../objects/collect-objects.ts';
import { printYaml } from '../output/print-yaml.ts';

/**
 * All objects of a daemon at one moment, kept in a file without a name under a key that nobody has: there may be more of
 * them than memory holds, and what changed while they were read must not be in what is exported.
 */
export class Spool implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #archive: Archive;
  /** The number of the last object of each key, as it was written. */
  readonly #numbers: ReadonlyMap<string, number>;

  private constructor(file: FileHandle, archive: Archive, numbers: ReadonlyMap<string, number>) {
    this.#file = file;
    this.#archive = archive;
    this.#numbers = numbers;
  }

  /** `directory` is where there is room. Errors as `collectObjects`. */
  static async fill(directory: string, daemon: LanternClient, signal: AbortSignal): Promise<Spool> {
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
        },
        signal,
      );
      await writer.finish();
      const keys = { first: key, byId: new Map([[key.id, key]]) };
      const archive = await Archive.open(file, keys, 'read what was spooled');
      return new Spool(file, archive, new Map([...numbers].filter(([name]) => present.has(name))));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get count(): number {
    return this.#numbers.size;
  }

  /** Each object once. */
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

/** Each object as a document of a manifest that `lantern apply -f` takes: without what belongs to the store it was in. */
export async function* manifestTexts(objects: AsyncIterable<StoredObject>): AsyncGenerator<string, void> {
  for await (const object of objects) {
    yield `---\n${printYaml(objectToManifest(draftOf(object), { withData: true }))}\n`;
  }
}

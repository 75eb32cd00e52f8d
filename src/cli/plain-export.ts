import { draftOf } from '../objects/draft-of.ts';
import type { StoredObject } from '../objects/object.ts';
import { objectToManifest } from '../objects/object-to-manifest.ts';
import { printYaml } from './output/print-yaml.ts';

/** Each object as a document of a manifest that `lantern apply -f` takes: without what belongs to the store it was in. */
export async function* manifestTexts(objects: AsyncIterable<StoredObject>): AsyncGenerator<string, void> {
  for await (const object of objects) {
    yield `---\n${printYaml(objectToManifest(draftOf(object), { withData: true }))}\n`;
  }
}

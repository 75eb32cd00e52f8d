import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import { formatJson, formatYaml } from './structured.ts';

/** Objects that came with their values, as manifests. */
export async function toManifests(objects: readonly WireObject[]): Promise<Record<string, unknown>[]> {
  const [{ objectFromWire }, { objectToManifest }] = await Promise.all([
    import('../../rpc/object-messages.ts'),
    import('../../objects/object-to-manifest.ts'),
  ]);
  return objects.map((object) => objectToManifest(objectFromWire(object), { withData: true }));
}

/** A manifest, or a list of them, in the format asked for. */
export async function formatManifest(manifest: unknown, format: 'json' | 'yaml'): Promise<string> {
  return format === 'json' ? formatJson(manifest) : await formatYaml(manifest);
}

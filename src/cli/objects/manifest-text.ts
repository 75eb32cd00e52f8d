import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import { type JsonPathTemplate, renderJsonPath } from '../output/json-path.ts';
import { printYaml } from '../output/print-yaml.ts';
import { formatJson } from '../output/structured.ts';
import type { Terminal } from '../terminal.ts';

/** Objects that came with their values, as manifests. */
export async function toManifests(objects: readonly WireObject[]): Promise<Record<string, unknown>[]> {
  const [{ objectFromWire }, { objectToManifest }] = await Promise.all([
    import('../../rpc/lantern/object-messages.ts'),
    import('../../objects/manifest/object-to-manifest.ts'),
  ]);
  return objects.map((object) => objectToManifest(objectFromWire(object), { withData: true }));
}

/** A manifest, or a list of them, in the format asked for. */
function formatManifest(manifest: unknown, format: 'json' | 'yaml'): string {
  return format === 'json' ? formatJson(manifest) : printYaml(manifest);
}

/** Formats that show whole manifests, or what a template takes out of them. */
export type ManifestFormat = 'json' | 'yaml' | JsonPathTemplate;

export function isManifestFormat(format: string | JsonPathTemplate | undefined): format is ManifestFormat {
  return format === 'json' || format === 'yaml' || typeof format === 'object';
}

/** A manifest, or a list of them, on stdout. What a template says ends as the template does, without a newline of ours. */
export async function showManifest(terminal: Terminal, manifest: unknown, format: ManifestFormat): Promise<void> {
  if (typeof format === 'object') await terminal.write(Buffer.from(renderJsonPath(format, manifest)));
  else terminal.print(formatManifest(manifest, format));
}

/** One of several manifests that come one after the other. */
export async function showNextManifest(terminal: Terminal, manifest: unknown, format: ManifestFormat): Promise<void> {
  if (format === 'yaml') terminal.print('---');
  await showManifest(terminal, manifest, format);
}

import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import { type JsonPathTemplate, renderJsonPath } from '../output/json-path.ts';
import { formatJson } from '../output/structured.ts';
import type { Terminal } from '../terminal.ts';

/** With `withData` the objects must have their values. */
export async function toManifests(objects: readonly WireObject[], withData = true): Promise<Record<string, unknown>[]> {
  // Loads the parser of YAML, which tables do not need.
  const [{ objectFromWire }, { objectToManifest }] = await Promise.all([
    import('../../rpc/lantern/object-messages.ts'),
    import('../../objects/manifest/object-to-manifest.ts'),
  ]);
  return objects.map((object) => objectToManifest(objectFromWire(object), { withData }));
}

/** Formats that print manifests, or the result of a template on them. */
export type ManifestFormat = 'json' | 'yaml' | JsonPathTemplate;

export function isManifestFormat(format: string | object | undefined): format is ManifestFormat {
  return format === 'json' || format === 'yaml' || (typeof format === 'object' && 'parts' in format);
}

/** As `kubectl get` prints several objects. */
export function listOf(items: readonly unknown[]): Readonly<Record<string, unknown>> {
  return { apiVersion: 'v1', items, kind: 'List', metadata: { resourceVersion: '' } };
}

/** As with kubectl, the output of a template gets no final newline. */
export async function showManifest(terminal: Terminal, manifest: unknown, format: ManifestFormat): Promise<void> {
  if (typeof format === 'object') return await terminal.write(Buffer.from(renderJsonPath(format, manifest)));
  if (format === 'json') return terminal.print(formatJson(manifest));
  // Its regular expressions contain large parts of Unicode, which takes V8 a millisecond.
  const { printYaml } = await import('../output/print-yaml.ts');
  terminal.print(printYaml(manifest));
}

export async function showNextManifest(terminal: Terminal, manifest: unknown, format: ManifestFormat): Promise<void> {
  if (format === 'yaml') terminal.print('---');
  await showManifest(terminal, manifest, format);
}

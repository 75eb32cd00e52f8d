import { LanternError } from '../../base/errors.ts';
import { type ObjectRef, refKey } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { Volume__Output as WireVolume } from '../../rpc/generated/lantern/v1/Volume.ts';
import { allPages } from '../with-daemon.ts';

/**
 * Ids of the volumes that become stale without these objects, by `refKey`. They show the object, and it is not optional
 * in their spec. Empty if the daemon does not tell: a deletion does not depend on it.
 */
export async function volumesInUse(
  daemon: LanternClient,
  refs: readonly ObjectRef[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const users = new Map<string, string[]>(refs.map((ref) => [refKey(ref), []]));
  try {
    for (const namespace of new Set(refs.map((ref) => ref.namespace))) {
      const optionalIn = optionalObjects(daemon, namespace, signal);
      const volumes = await allPages(
        (pageToken) => daemon.projector.listVolumes({ namespace, pageToken }, { signal }),
        (page) => page.volumes.map((volume) => withoutFiles(volume)),
      );
      for (const { volumeId, objects, definition } of volumes) {
        const shown = objects.filter(({ resourceVersion }) => resourceVersion !== '');
        for (const { kind, name } of shown) {
          const ids = users.get(`${kind}/${namespace}/${name}`);
          if (ids !== undefined && !(await optionalIn(definition)).has(`${kind}/${name}`)) ids.push(volumeId);
        }
      }
    }
  } catch (error) {
    if (!(error instanceof LanternError) || signal.aborted) throw error;
  }
  return users;
}

type Used = Pick<WireVolume, 'volumeId' | 'objects' | 'definition'>;

/** Thousands of volumes with all of their files would be held until the last page. */
function withoutFiles({ volumeId, objects, definition }: WireVolume): Used {
  return { volumeId, objects, definition };
}

/** The same on the wire and in the JSON of a ProjectedVolume, as far as it is needed here. */
type Source = {
  readonly secret?: { readonly secretName: string; readonly optional?: boolean } | null | undefined;
  readonly configMap?: Named | null | undefined;
  readonly projected?:
    | { readonly sources: readonly { readonly secret?: Named | null; readonly configMap?: Named | null }[] }
    | null
    | undefined;
};
type Named = { readonly name: string; readonly optional?: boolean };

/** Returns the function that tells which objects a definition can do without, as `Kind/name`. */
function optionalObjects(
  daemon: LanternClient,
  namespace: string,
  signal: AbortSignal,
): (definition: WireVolume['definition']) => Promise<ReadonlySet<string>> {
  const named = new Map<string, Promise<ReadonlySet<string>>>();
  const lookUp = async (name: string): Promise<ReadonlySet<string>> => {
    const { object } = await daemon.objects.get({ ref: { kind: 'ProjectedVolume', namespace, name } }, { signal });
    const json = object?.projectedVolume?.specJson;
    return optionalOf(json === undefined ? undefined : (JSON.parse(json) as Source));
  };
  return async (definition) => {
    const name = definition?.projectedVolume;
    if (name === undefined) return optionalOf(definition?.source ?? undefined);
    const known = named.get(name) ?? lookUp(name);
    named.set(name, known);
    return known;
  };
}

function optionalOf(source: Source | undefined): ReadonlySet<string> {
  const { secret, configMap, projected } = source ?? {};
  const uses = [
    ...(secret ? [{ key: `Secret/${secret.secretName}`, optional: secret.optional }] : []),
    ...[{ configMap }, ...(projected?.sources ?? [])].flatMap((each) => [
      ...('secret' in each && each.secret
        ? [{ key: `Secret/${each.secret.name}`, optional: each.secret.optional }]
        : []),
      ...(each.configMap ? [{ key: `ConfigMap/${each.configMap.name}`, optional: each.configMap.optional }] : []),
    ]),
  ];
  const required = new Set(uses.filter(({ optional }) => optional !== true).map(({ key }) => key));
  return new Set(uses.map(({ key }) => key).filter((key) => !required.has(key)));
}

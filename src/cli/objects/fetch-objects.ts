import type { LanternClient } from '../../rpc/client.ts';
import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import type { Wanted } from '../kinds.ts';
import { allPages } from '../with-daemon.ts';

/** An empty namespace means all namespaces. */
export type Query = Wanted & { readonly namespace: string; readonly withData: boolean };

/** Throws `not-found` for a name that does not exist. */
export async function fetchObjects(
  daemon: LanternClient,
  { kind: { kind }, name, namespace, withData }: Query,
  signal: AbortSignal,
): Promise<readonly WireObject[]> {
  if (name !== undefined) {
    const { object } = await daemon.objects.get({ ref: { kind, namespace, name }, withData }, { signal });
    return object === null ? [] : [object];
  }
  return allPages(
    (pageToken) => daemon.objects.list({ kind, namespace, withData, pageToken }, { signal }),
    (page) => page.objects,
  );
}

/** For stderr, as kubectl says it. An empty namespace means all namespaces. */
export function noneFound(namespace: string): string {
  return `No resources found${namespace === '' ? '' : ` in ${namespace} namespace`}.`;
}

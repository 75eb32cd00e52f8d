import type { ObjectDraft, ObjectRef } from '../src/objects/object.ts';

/** The objects of the scale simulation: applications with a Secret each, in namespaces with one ConfigMap each. */
export const ESTATE = { apps: 1_000, namespaces: 20, volumesPerNode: 100, secretBytes: 2_048, configMapBytes: 2_048 };

/** The ConfigMap of the first namespace, which every node has volumes of. */
export const COMMON: ObjectRef = { kind: 'ConfigMap', namespace: 'ns-0', name: 'ca' };

export function drafts(): ObjectDraft[] {
  const secrets = Array.from({ length: ESTATE.apps }, (_, app) => secret(app));
  const configMaps = Array.from({ length: ESTATE.namespaces }, (_, index) => configMap(`ns-${index}`, 0));
  return [...secrets, ...configMaps];
}

export function configMap(namespace: string, version: number): ObjectDraft {
  const data = new Map([['ca.crt', `${version}`.padEnd(ESTATE.configMapBytes, 'c')]]);
  const metadata = { name: 'ca', namespace, labels: new Map(), annotations: new Map() };
  return { kind: 'ConfigMap', data, binaryData: new Map(), immutable: false, metadata };
}

/**
 * The references of a node's volumes: each has the Secret of its application and the ConfigMap of its namespace. Of
 * applications, some are everywhere and most are rare; the same node always has the same ones.
 */
export function referencesOf(node: number): ObjectRef[] {
  const random = randomNumbers(node);
  const references: ObjectRef[] = [COMMON];
  for (let volume = 0; volume < ESTATE.volumesPerNode; volume++) {
    const app = Math.floor(random() ** 2 * ESTATE.apps);
    const namespace = namespaceOf(app);
    references.push({ kind: 'Secret', namespace, name: `app-${app}` }, { ...COMMON, namespace });
  }
  return references;
}

function secret(app: number): ObjectDraft {
  const data = new Map([['password', Buffer.alloc(ESTATE.secretBytes, `${app} `)]]);
  const metadata = { name: `app-${app}`, namespace: namespaceOf(app), labels: new Map(), annotations: new Map() };
  return { kind: 'Secret', type: 'Opaque', data, immutable: false, metadata };
}

function namespaceOf(app: number): string {
  return `ns-${app % ESTATE.namespaces}`;
}

/** Lehmer's generator: the same numbers from 0 to below 1 for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = (seed + 1) * 48_271;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

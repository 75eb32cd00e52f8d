import type { StoredObject } from '../objects/object.ts';
import type { PodFacts } from '../spec/pod-facts.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { Notice } from './payload.ts';

export type RenderInputs = {
  readonly spec: VolumeSpec;
  readonly namespace: string;
  /** Keyed by `refKey`; missing objects are absent. */
  readonly objects: ReadonlyMap<string, StoredObject>;
  readonly pod: PodFacts | undefined;
  readonly requestData: ReadonlyMap<string, Uint8Array>;
  /** Keyed by audience. */
  readonly tokens: ReadonlyMap<string, HeldToken>;
  /** The issuer of tokens that the request did not supply. */
  readonly tokenIssuer: 'daemon' | 'host';
  /** Resource name → quantity, for limits that a container does not set. */
  readonly allocatable: ReadonlyMap<string, string>;
  readonly mountGroup: number | undefined;
  readonly budget: PayloadBudget;
};

export type HeldToken = { readonly token: string; readonly expirationTimestamp: string };

/** Limits of one payload; entries are files and directories. */
export type PayloadBudget = { readonly bytes: number; readonly entries: number };

/** A cluster gives every pod a uid. A manifest that was never in a cluster has none. */
const WITHOUT_UID: Notice = {
  reason: 'PodWithoutUid',
  message: 'metadata.uid is shown, but the pod has none: it is empty; write metadata.uid into the manifest',
};

export function uidNoticesOf(spec: VolumeSpec, pod: PodFacts | undefined): readonly Notice[] {
  if (pod?.uid !== '') return [];
  for (const source of spec.sources) {
    if (source.kind !== 'downwardAPI') continue;
    if (source.items.some(({ value }) => value.kind === 'field' && value.field.kind === 'uid')) return [WITHOUT_UID];
  }
  return [];
}

/** `uidNoticesOf` for a variable. */
export function uidNotices(pod: PodFacts | undefined): readonly Notice[] {
  return pod?.uid === '' ? [WITHOUT_UID] : [];
}

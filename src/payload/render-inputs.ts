import type { StoredObject } from '../objects/object.ts';
import type { PodFacts } from '../spec/pod-facts.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { Notice } from './payload.ts';

/** Everything a payload is made of. Rendering is a pure function of it. */
export type RenderInputs = {
  readonly spec: VolumeSpec;
  readonly namespace: string;
  /** By `refKey`; an object that does not exist is absent. */
  readonly objects: ReadonlyMap<string, StoredObject>;
  readonly pod: PodFacts | undefined;
  /** The request's own data. */
  readonly requestData: ReadonlyMap<string, Uint8Array>;
  /** By audience. */
  readonly tokens: ReadonlyMap<string, HeldToken>;
  /** Who issues the tokens that the request did not bring. */
  readonly tokenIssuer: 'daemon' | 'host';
  /** Resource name to quantity, for limits that a container does not set. */
  readonly allocatable: ReadonlyMap<string, string>;
  readonly mountGroup: number | undefined;
  readonly budget: PayloadBudget;
};

/** A token that the host handed in, or that the daemon issued. */
export type HeldToken = { readonly token: string; readonly expirationTimestamp: string };

/** What one payload may cost: bytes, and entries (files plus directories). */
export type PayloadBudget = { readonly bytes: number; readonly entries: number };

/** A cluster gives every pod a uid; a manifest that never was in one has none, and what shows it is empty. */
const NOTICE: Notice = {
  reason: 'PodWithoutUid',
  message: 'metadata.uid is shown, but the pod has none: it is empty; write metadata.uid into the manifest',
};

/** For a volume that shows the uid of a pod. */
export function uidNoticesOf(spec: VolumeSpec, pod: PodFacts | undefined): readonly Notice[] {
  const shows = spec.sources.some(
    (source) =>
      source.kind === 'downwardAPI' &&
      source.items.some(({ value }) => value.kind === 'field' && value.field.kind === 'uid'),
  );
  return shows ? uidNotices(pod) : [];
}

/** Where the uid is shown. */
export function uidNotices(pod: PodFacts | undefined): readonly Notice[] {
  return pod?.uid === '' ? [NOTICE] : [];
}

import { type Clock, withDeadline } from '../../base/clock.ts';
import { LanternError, toLanternError } from '../../base/errors.ts';
import type { EventDraft, InvolvedObject } from '../../objects/event.ts';
import { describeRef, refKey, type StoredObject, type UnitCredential } from '../../objects/object.ts';
import { matchesUnit } from '../../objects/unit-credentials.ts';
import { resolveObjects } from '../../stores/resolve-objects.ts';
import type { Store } from '../../stores/store.ts';

export type CredentialRequest = {
  /** The unit's name, with the instance of a template: `web@1.service`. */
  readonly unit: string;
  readonly credential: string;
};

/**
 * - `served`: the value of a key.
 * - `empty`: an optional one is missing.
 * - `missing`: no UnitCredentials provide it, or its object or key is missing.
 * - `ambiguous`: several UnitCredentials provide it.
 * - `failed`: the store did not answer, or the Secret is not to be shown.
 */
export type CredentialResult = 'served' | 'empty' | 'missing' | 'ambiguous' | 'failed';

export type FoundCredential = {
  readonly result: CredentialResult;
  /** Undefined if the unit must not start. */
  readonly value: Uint8Array | undefined;
  /** The source of the value, or why there is none. */
  readonly message: string;
  readonly events: readonly EventDraft[];
};

type StoredUnitCredentials = Extract<StoredObject, { kind: 'UnitCredentials' }>;
type Offer = { readonly object: StoredUnitCredentials; readonly credential: UnitCredential };

/** Milliseconds for the store to be filled and to answer. Units that start wait for it, by default at most 90 s. */
const FIND_MS = 20_000;

/** Never rejects. */
export async function findCredential(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  request: CredentialRequest,
  signal: AbortSignal,
): Promise<FoundCredential> {
  const late = () => new LanternError('deadline-exceeded', `the store did not answer within ${FIND_MS / 1000} s`);
  try {
    return await withDeadline({ clock, ms: FIND_MS, late }, signal, (bounded) => search(store, request, bounded));
  } catch (error) {
    return refusal(request, 'failed', toLanternError(error, 'read the objects').message, [ofUnit(request)]);
  }
}

async function search(store: Store, request: CredentialRequest, signal: AbortSignal): Promise<FoundCredential> {
  await store.ready(signal);
  const { objects } = await store.list({ kind: 'UnitCredentials' }, signal);
  const offers = objects.flatMap((object) => offersIn(object, request));
  const [offer, ...others] = offers;
  if (offer === undefined) {
    const message = 'no UnitCredentials have it for this unit; apply some, or correct its units and names';
    return refusal(request, 'missing', message, [ofUnit(request)]);
  }
  if (others.length === 0) return await resolveOffer(store, request, offer, signal);
  const names = offers.map(({ object }) => `${object.metadata.namespace}/${object.metadata.name}`).join(', ');
  const message = `several UnitCredentials have it for this unit: ${names}; remove it from all but one`;
  return refusal(request, 'ambiguous', message, [ofUnit(request), ...offers.map(ofOffer)]);
}

function offersIn(object: StoredObject, { unit, credential: name }: CredentialRequest): Offer[] {
  if (object.kind !== 'UnitCredentials' || !object.units.some((pattern) => matchesUnit(pattern, unit))) return [];
  return object.credentials
    .filter((credential) => credential.name === name)
    .map((credential) => ({ object, credential }));
}

async function resolveOffer(
  store: Store,
  request: CredentialRequest,
  offer: Offer,
  signal: AbortSignal,
): Promise<FoundCredential> {
  const { kind, name, key, optional } = offer.credential.source;
  const ref = { kind, namespace: offer.object.metadata.namespace, name };
  const object = (await resolveObjects(store, [{ ref, optional }], signal)).get(refKey(ref));
  const value = object && valueIn(object, key);
  if (value !== undefined) return { result: 'served', value, message: `${describeRef(ref)}, key "${key}"`, events: [] };
  const problem = object === undefined ? 'does not exist' : `has no key "${key}"`;
  const message = `${describeRef(ref)} ${problem}`;
  if (!optional)
    return refusal(request, 'missing', `${message}; apply it, or make the credential optional`, [ofOffer(offer)]);
  const event = { involved: ofOffer(offer), type: 'Normal', reason: 'CredentialEmpty' } as const;
  const text = `${subjectOf(request)} is empty: ${message}, and it is optional`;
  return { result: 'empty', value: new Uint8Array(), message, events: [{ ...event, message: text }] };
}

function valueIn(object: StoredObject, key: string): Uint8Array | undefined {
  if (object.kind === 'Secret') return object.data.get(key);
  if (object.kind !== 'ConfigMap') return undefined;
  const text = object.data.get(key);
  return text === undefined ? object.binaryData.get(key) : Buffer.from(text);
}

const REASONS = { missing: 'CredentialMissing', ambiguous: 'CredentialAmbiguous', failed: 'CredentialFailed' } as const;

function refusal(
  request: CredentialRequest,
  result: keyof typeof REASONS,
  message: string,
  involved: readonly InvolvedObject[],
): FoundCredential {
  const event = { type: 'Warning', reason: REASONS[result], message: `${subjectOf(request)}: ${message}` } as const;
  return { result, value: undefined, message, events: involved.map((each) => ({ ...event, involved: each })) };
}

function subjectOf({ unit, credential }: CredentialRequest): string {
  return `credential "${credential}" of unit "${unit}"`;
}

/** A unit has no namespace. As in Kubernetes, events of such objects are in `default`. */
function ofUnit({ unit }: CredentialRequest): InvolvedObject {
  return { kind: 'Unit', namespace: 'default', name: unit, uid: '', fieldPath: '' };
}

function ofOffer({ object: { kind, metadata }, credential }: Offer): InvolvedObject {
  const { namespace, name, uid } = metadata;
  return { kind, namespace, name, uid, fieldPath: `spec.credentials{${credential.name}}` };
}

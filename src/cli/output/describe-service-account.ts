import {
  SERVICE_ACCOUNT_ANNOTATION,
  SERVICE_ACCOUNT_UID_ANNOTATION,
  TOKEN_SECRET_TYPE,
} from '../../objects/secret-types.ts';
import type { Event__Output as WireEvent } from '../../rpc/generated/lantern/v1/Event.ts';
import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import { aligned, metadataRows, type Row } from './describe-object.ts';
import { describeEvents } from './events-table.ts';

/**
 * A ServiceAccount as `kubectl describe serviceaccount` shows it. `secrets`: those of its namespace, without values; they
 * tell which Secret that it names is not there, and which hold tokens of it. `now`: milliseconds since 1970. No final
 * newline.
 */
export function describeServiceAccount(
  { metadata, serviceAccount }: WireObject,
  secrets: readonly WireObject[],
  events: readonly WireEvent[],
  now: number,
): string {
  const present = new Set(secrets.map(nameOf));
  const named = (names: readonly string[]) =>
    orNone(names.map((name) => (present.has(name) ? name : `${name} (not found)`)));
  const rows: readonly Row[] = [
    ...metadataRows(metadata),
    ['Image pull secrets:', named(serviceAccount?.imagePullSecrets ?? [])],
    ['Mountable secrets:', named(serviceAccount?.secrets ?? [])],
    ['Tokens:', orNone(secrets.filter((secret) => isTokenOf(metadata, secret)).map(nameOf))],
  ];
  // Without events kubectl keeps to the column; a table of them has columns of its own.
  if (events.length === 0) return aligned([...rows, ['Events:', ['<none>']]]).join('\n');
  return [...aligned(rows), describeEvents(events, now)].join('\n');
}

/** A token of an earlier account of that name is none of this one's. */
function isTokenOf(account: WireObject['metadata'], { secret, metadata }: WireObject): boolean {
  const annotations = metadata?.annotations ?? {};
  return (
    secret?.type === TOKEN_SECRET_TYPE &&
    annotations[SERVICE_ACCOUNT_ANNOTATION] === account?.name &&
    annotations[SERVICE_ACCOUNT_UID_ANNOTATION] === account?.uid
  );
}

function nameOf({ metadata }: WireObject): string {
  return metadata?.name ?? '';
}

function orNone(names: readonly string[]): readonly string[] {
  return names.length === 0 ? ['<none>'] : names;
}

import { hasCode, LanternError } from '../../base/errors.ts';
import { orThrow } from '../../base/parsed.ts';
import { retry } from '../../base/retry.ts';
import { describeRef, type ObjectDraft, type ObjectRef, type StoredObject } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { objectFromWire, objectToWire } from '../../rpc/lantern/object-messages.ts';
import { admitObject } from '../../spec/admit-object.ts';
import { isSameContents } from '../../stores/kept/next-state.ts';
import type { Cli } from '../command.ts';
import type { DryRun } from '../options.ts';
import { PAUSE } from '../with-daemon.ts';
import { namingObject } from './apply-object.ts';

/** Every attempt that fails means that another client's write succeeded. */
const MAX_ATTEMPTS = 50;
const BACKOFF = { firstMs: 5, maxMs: 500, jitter: 1 };

/** Repeats an attempt that another client's write overtook. Each attempt must read the object again. */
export async function untilNotOvertaken<T>({ signal }: Pick<Cli, 'signal'>, attempt: () => Promise<T>): Promise<T> {
  let failed = 0;
  const isTransient = (error: unknown) =>
    (hasCode(error, 'aborted') || hasCode(error, 'already-exists')) && ++failed < MAX_ATTEMPTS;
  return await retry(attempt, { clock: PAUSE, signal, backoff: BACKOFF, isTransient });
}

type Changing = {
  /** For errors, such as `label`. */
  readonly verb: string;
  /** Must keep kind, namespace and name. A `resourceVersion` in its result must be the object's. */
  readonly change: (current: StoredObject) => ObjectDraft;
  readonly dryRun: DryRun;
  /** The answer must have the values. */
  readonly withData: boolean;
};

export type Changed = { readonly object: ObjectDraft | StoredObject; readonly isChanged: boolean };

/**
 * Reads an object, and stores what `change` makes of it at the revision that was read; again if another client was
 * faster. The record of declarative writes only loses names that are removed.
 */
export async function changeObject(
  cli: Cli,
  daemon: LanternClient,
  ref: ObjectRef,
  { verb, change, dryRun, withData }: Changing,
): Promise<Changed> {
  const attempt = async (): Promise<Changed> => {
    const current = await currentObject(cli, daemon, ref);
    const draft = change(current);
    const { resourceVersion } = current.metadata;
    const wanted = draft.metadata.resourceVersion ?? resourceVersion;
    if (wanted !== resourceVersion) throw outdated(ref, wanted, resourceVersion);
    if (dryRun === 'client') {
      const admitted = orThrow(admitObject(draft));
      const object = { ...admitted, metadata: { ...current.metadata, ...admitted.metadata } };
      return { object, isChanged: !isSameContents(current, admitted) };
    }
    const object = objectToWire({ ...draft, metadata: { ...draft.metadata, resourceVersion } });
    const request = { object, dryRun: dryRun === 'server', withData };
    const answer = await daemon.objects.apply(request, { signal: cli.signal });
    const changed = answer.object === null ? draft : objectFromWire(answer.object);
    return { object: changed, isChanged: answer.outcome !== 'UNCHANGED' };
  };
  return await namingObject(verb, ref, () => untilNotOvertaken(cli, attempt));
}

/** With its values. Throws `not-found`. */
export async function currentObject(
  { signal }: Pick<Cli, 'signal'>,
  daemon: LanternClient,
  ref: ObjectRef,
): Promise<StoredObject> {
  const { object } = await daemon.objects.get({ ref, withData: true }, { signal });
  if (object === null) throw new LanternError('not-found', `${describeRef(ref)} does not exist`);
  return objectFromWire(object);
}

/** A repeat would not help. */
function outdated(ref: ObjectRef, wanted: string, found: string): LanternError {
  return new LanternError(
    'failed-precondition',
    `change ${describeRef(ref)} at resourceVersion "${wanted}": it is at "${found}"; read it again`,
  );
}

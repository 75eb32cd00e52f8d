import { hasCode } from '../../base/errors.ts';
import type { Awaitable } from '../../base/steps.ts';
import type { Declared } from '../../objects/declared.ts';
import { describeRef, type ObjectDraft, type ObjectRef, refOf, type StoredObject } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { mergeRequest, objectFromWire } from '../../rpc/lantern/object-messages.ts';
import type { Cli } from '../command.ts';
import { readObject } from '../objects/collect-objects.ts';

/** The rest of the request. */
type Asked = { readonly dryRun: boolean; readonly withData: boolean };
export type Answer = { readonly object: ObjectDraft | StoredObject; readonly outcome: string };

/** Merges as the store does (`mergedObject`). The answer has the values if `asked.withData`. */
export async function applyObject(
  cli: Pick<Cli, 'signal'>,
  daemon: LanternClient,
  declared: Declared,
  asked: Asked,
): Promise<Answer> {
  return await namingObject('apply', refOf(declared.draft), () => mergeOrCreate(cli, daemon, declared, asked));
}

async function mergeOrCreate(
  { signal }: Pick<Cli, 'signal'>,
  daemon: LanternClient,
  declared: Declared,
  asked: Asked,
): Promise<Answer> {
  const { draft } = declared;
  const { resourceVersion, ...metadata } = draft.metadata;
  const request = { ...mergeRequest(declared), ...asked };
  const { object, outcome } = await daemon.objects.apply(request, { signal }).catch(async (error: unknown) => {
    if (resourceVersion === undefined || !hasCode(error, 'aborted')) throw error;
    if ((await readObject(daemon, refOf(draft), signal)) !== undefined) throw error;
    // The object was deleted, or its manifest comes from another cluster. Create it, as kubectl does.
    const creation = mergeRequest({ ...declared, draft: { ...draft, metadata } });
    return await daemon.objects.apply({ ...creation, ...asked, createOnly: true }, { signal });
  });
  const isAsked = asked.withData && object !== null;
  return { object: isAsked ? objectFromWire(object) : draft, outcome: outcome.toLowerCase() };
}

/** `verb` as in the command line. Faults name fields. With several objects the error must name the object too. */
export async function namingObject<T>(verb: string, ref: ObjectRef, call: () => Awaitable<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const what = `${verb} ${describeRef(ref)}`;
    throw hasCode(error, 'invalid-argument') && !error.message.startsWith(`${what}: `) ? error.within(what) : error;
  }
}

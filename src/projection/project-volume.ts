import { LanternError } from '../base/errors.ts';
import { orThrow } from '../base/parsed.ts';
import type { Awaitable } from '../base/steps.ts';
import { type ObjectRef, refKey, type StoredObject } from '../objects/object.ts';
import type { Notice, Payload } from '../payload/payload.ts';
import { renderingPayload } from '../payload/render-payload.ts';
import { objectRefsOf } from '../spec/object-refs.ts';
import type { Parser } from '../spec/parser/parse-tasks.ts';
import type { VolumeDefinition, VolumeSpec } from '../spec/volume-spec.ts';
import { resolveObjects } from '../stores/resolve-objects.ts';
import type { WriteOutcome } from '../volume/atomic-writer.ts';
import type { KeptToken } from '../volume/record.ts';
import type { Provenance, Wanted } from './live-volume.ts';
import { refusalError, type Stages } from './stages.ts';
import {
  accountNeeded,
  expiryProblem,
  heldTokens,
  type IssuedTokens,
  issueTokens,
  tokenWishesOf,
} from './volume-tokens.ts';

/** The part of what a volume shall hold that its files are made of. */
type Projected = Omit<Wanted, 'volumeId' | 'podVolume'>;

/** What one projection produced. */
export type Projection = {
  readonly outcome: WriteOutcome;
  readonly provenance: Provenance;
  /** What the daemon issued for it. */
  readonly issued: IssuedTokens;
  /** Why the volume is not well all the same: a token that the request brought has expired. */
  readonly problem: LanternError | undefined;
  readonly notices: readonly Notice[];
};

/** Where a projection's result goes, and what it must be careful about. */
export type ProjectionTarget = {
  /** Writes one generation and swaps it in. */
  write(payload: Payload): Awaitable<WriteOutcome>;
  /** Told of every object before it is read, so that no change after the read is missed. */
  follow(refs: readonly ObjectRef[]): void;
  /** What the present contents were rendered from. */
  readonly provenance: Provenance;
  /** What was issued for the present contents, by audience. */
  readonly tokens: ReadonlyMap<string, KeptToken>;
};

/**
 * The whole flow: definition → spec → objects at known revisions → tokens → payload → one new generation. Throws
 * without having written anything: `failed-precondition` with reason MISSING_OBJECTS, `unavailable` when the source or
 * the issuer cannot say, `invalid-argument`, `resource-exhausted`.
 */
export async function projectVolume(
  wanted: Projected,
  target: ProjectionTarget,
  stages: Stages,
  signal: AbortSignal,
): Promise<Projection> {
  const named = namedRefs(wanted);
  if (named.length > 0) target.follow(named);
  const definitions = await resolveObjects(stages.source, required(named), signal);
  const spec = await specOf(wanted.definition, named, definitions, stages.parser, signal);

  const { inputs, ...facts } = wanted;
  const wishes = tokenWishesOf(spec, facts, inputs.tokens, stages.tokens);
  const refs = [...objectRefsOf(spec, wanted.namespace), ...accountNeeded(wishes)];
  target.follow([...named, ...refs.map(({ ref }) => ref)]);
  const objects = await resolveObjects(stages.source, refs, signal);
  const provenance = provenanceOf(stages.source.storeId, [...required(named), ...refs], definitions, objects);
  refuseUnknownAbsence(target.provenance, provenance);

  const issued = await issueTokens(wishes, objects, target.tokens, stages, signal);
  const rendering = renderingPayload({
    ...facts,
    spec,
    objects,
    requestData: inputs.data,
    tokens: new Map([...inputs.tokens, ...heldTokens(issued.tokens)]),
    tokenIssuer: stages.tokens === undefined ? 'host' : 'daemon',
    budget: stages.budget,
    allocatable: stages.allocatable,
  });
  const rendered = await stages.slices.run(rendering);
  if (!rendered.ok) throw refusalError(rendered);
  signal.throwIfAborted();
  const problem = expiryProblem(spec, inputs.tokens, stages.clock.now());
  const outcome = await target.write(rendered.payload);
  return { outcome, provenance, issued, problem, notices: rendered.notices };
}

function namedRefs({ definition, namespace }: Projected): readonly ObjectRef[] {
  return definition.kind === 'named' ? [{ kind: 'ProjectedVolume', namespace, name: definition.projectedVolume }] : [];
}

function required(refs: readonly ObjectRef[]): { readonly ref: ObjectRef; readonly optional: boolean }[] {
  return refs.map((ref) => ({ ref, optional: false }));
}

async function specOf(
  definition: VolumeDefinition,
  named: readonly ObjectRef[],
  objects: ReadonlyMap<string, StoredObject>,
  parser: Parser,
  signal: AbortSignal,
): Promise<VolumeSpec> {
  if (definition.kind === 'inline') return definition.spec;
  const ref = named[0];
  const object = ref === undefined ? undefined : objects.get(refKey(ref));
  if (object?.kind !== 'ProjectedVolume') {
    throw new LanternError('failed-precondition', `ProjectedVolume "${definition.projectedVolume}" does not exist`, {
      reason: 'MISSING_OBJECTS',
    });
  }
  return orThrow(await parser.run('source', { raw: object.spec, root: 'spec' }, signal));
}

function provenanceOf(
  storeId: string,
  refs: readonly { readonly ref: ObjectRef }[],
  ...found: readonly ReadonlyMap<string, StoredObject>[]
): Provenance {
  const objects = new Map<string, number | null>();
  for (const { ref } of refs) {
    const key = refKey(ref);
    const object = found.map((map) => map.get(key)).find((candidate) => candidate !== undefined);
    objects.set(key, object === undefined ? null : Number(object.metadata.resourceVersion));
  }
  return { storeId, objects };
}

/**
 * An object that the contents were made from, absent from a store with another history, is not deleted: that store may
 * have started empty. Its absence is unknown, and the contents stay until it turns up.
 */
function refuseUnknownAbsence(before: Provenance, now: Provenance): void {
  if (before.storeId === now.storeId) return;
  const lost = [...now.objects].filter(
    ([key, revision]) => revision === null && typeof before.objects.get(key) === 'number',
  );
  if (lost.length === 0) return;
  const names = lost.map(([key]) => key).join(', ');
  throw new LanternError(
    'unavailable',
    `render the volume: ${names} was there before, but this store has not seen it yet; the last contents stay, apply it again`,
    { reason: 'STORE_UNSYNCED' },
  );
}

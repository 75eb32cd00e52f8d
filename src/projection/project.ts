import type { Clock } from '../base/clock.ts';
import { type Fault, LanternError } from '../base/errors.ts';
import { orThrow } from '../base/parsed.ts';
import type { Slices } from '../base/steps.ts';
import { type ObjectRef, parseRefKey, refKey, type StoredObject } from '../objects/object.ts';
import type { Notice, Payload } from '../payload/payload.ts';
import { type PayloadBudget, renderingPayload } from '../payload/render-payload.ts';
import { type NeededObject, objectRefsOf } from '../spec/object-refs.ts';
import type { Parser } from '../spec/parser/parse-tasks.ts';
import type { PodFacts } from '../spec/pod-facts.ts';
import type { VolumeDefinition, VolumeSpec } from '../spec/volume-spec.ts';
import { resolveObjects } from '../stores/resolve-objects.ts';
import type { Source } from '../stores/store.ts';
import type { TokenIssuer } from '../tokens/token-signer.ts';
import { readingTree, type TreeEntry } from '../volume/file-system.ts';
import type { KeptToken, RequestInputs } from '../volume/record.ts';
import { VolumeWriter } from '../volume/volume-writer.ts';
import type { RenderRequest } from './projector.ts';
import { findRendering, keepRendering, type Provenance, type Renderings } from './renderings.ts';
import { expiryProblem, type IssuedTokens, issueTokens, NO_TOKENS, tokensToIssue } from './volume-tokens.ts';

export type ProjectionDependencies = {
  /** Parses specs that are stored as objects. */
  readonly parser: Parser;
  /** Issues the tokens that a request does not supply; undefined if the host supplies all. */
  readonly tokens: TokenIssuer | undefined;
  readonly clock: Clock;
  readonly slices: Slices;
  readonly budget: PayloadBudget;
  /** The node's resources by name, for limits that a container does not set. */
  readonly allocatable: ReadonlyMap<string, string>;
  /** Shared by the volumes; undefined for a rendering that nobody else can use. */
  readonly renderings?: Renderings | undefined;
};

/** The part of a request that a volume's files are made of. */
type Projected = {
  readonly namespace: string;
  readonly definition: VolumeDefinition;
  readonly mountGroup: number | undefined;
  readonly pod: PodFacts | undefined;
  readonly inputs: RequestInputs;
};

/** The origin of a projection target's present contents, and the tokens issued for them. */
type Target = {
  readonly provenance: Provenance;
  readonly tokens: ReadonlyMap<string, KeptToken>;
  /** Called with all objects before they are read, so that no change after the read is missed. */
  follow(refs: readonly ObjectRef[]): void;
};

export const NOTHING: Target = { provenance: { storeId: '', objects: new Map() }, tokens: new Map(), follow() {} };

export type Projection = {
  /** Equal to the one asked for, and shared with other volumes. */
  readonly definition: VolumeDefinition;
  readonly payload: Payload;
  readonly provenance: Provenance;
  readonly issued: IssuedTokens;
  /** An expired token that the request supplied: the files cannot be better, but the volume is stale. */
  readonly problem: LanternError | undefined;
  readonly notices: readonly Notice[];
};

/**
 * Definition → spec → objects at known revisions → tokens → payload. Throws `failed-precondition` with reason
 * MISSING_OBJECTS, `unavailable` if the store or the issuer does not answer, `invalid-argument`, `resource-exhausted`.
 */
export async function project(
  wanted: Projected,
  target: Target,
  source: Source,
  { parser, tokens: issuer, clock, slices, budget, allocatable, renderings }: ProjectionDependencies,
  signal: AbortSignal,
): Promise<Projection> {
  const { namespace, mountGroup, pod, inputs } = wanted;
  const definition = renderings?.sharedDefinition(wanted.definition) ?? wanted.definition;
  let refs: readonly ObjectRef[] = [];
  const objects = new Map<string, StoredObject>();
  const follow = (needed: readonly NeededObject[], theirs: readonly ObjectRef[] = needed.map(({ ref }) => ref)) => {
    refs = refs.length === 0 ? theirs : [...refs, ...theirs];
    target.follow(refs);
  };
  const read = async (needed: readonly NeededObject[]) => {
    for (const [key, object] of await resolveObjects(source, needed, signal)) objects.set(key, object);
  };
  let spec: VolumeSpec;
  if (definition.kind === 'inline') spec = definition.spec;
  else {
    const ref: ObjectRef = { kind: 'ProjectedVolume', namespace, name: definition.projectedVolume };
    const stored = [{ ref, optional: false }];
    follow(stored);
    await read(stored);
    spec = await parseStoredSpec(ref, objects.get(refKey(ref)), parser, signal);
  }
  const shelf = renderings?.shelfOf(spec, namespace, mountGroup);
  const missing = shelf === undefined ? tokensToIssue(spec, wanted, inputs.tokens, issuer) : undefined;
  const ofSpec = shelf?.needed ?? objectRefsOf(spec, namespace);
  const needed = missing === undefined ? ofSpec : [...ofSpec, missing.account];
  follow(needed, shelf?.refs);
  // Most sources know the revisions without reading.
  let known = shelf && findRendering(shelf, source.storeId, (key) => source.revisionOf(key));
  if (known === undefined) await read(needed);
  // The caller may have given up while others had their turn.
  else signal.throwIfAborted();
  const { storeId } = source;
  const provenance = known?.provenance ?? provenanceOf(storeId, refs, objects);
  known ??= shelf && findRendering(shelf, storeId, (key) => provenance.objects.get(key));
  if (target.provenance.objects.size > 0 && target.provenance.storeId !== storeId)
    refuseUnknownAbsence(target.provenance, provenance);
  if (known !== undefined) return { definition, ...known, issued: NO_TOKENS, problem: undefined };

  const issuing = missing && issueTokens(missing, objects, target.tokens, { storeId, clock }, signal);
  const issued = (await issuing) ?? NO_TOKENS;
  const tokens = new Map(inputs.tokens);
  for (const [audience, { token, expiresAt }] of issued.tokens) {
    tokens.set(audience, { token, expirationTimestamp: new Date(expiresAt).toISOString() });
  }
  const tokenIssuer = issuer === undefined ? 'host' : 'daemon';
  const ofRequest = { namespace, mountGroup, pod, requestData: inputs.data };
  const rendered = await slices.run(
    renderingPayload({ ...ofRequest, spec, objects, tokens, tokenIssuer, budget, allocatable }),
  );
  if (!rendered.ok) throw refusalError(rendered);
  signal.throwIfAborted();
  const problem = inputs.tokens.size === 0 ? undefined : expiryProblem(spec, inputs.tokens, clock.now());
  const rendering = { payload: rendered.payload, provenance, notices: rendered.notices };
  if (shelf !== undefined) keepRendering(shelf, rendering);
  return { definition, ...rendering, issued, problem };
}

async function parseStoredSpec(
  ref: ObjectRef,
  object: StoredObject | undefined,
  parser: Parser,
  signal: AbortSignal,
): Promise<VolumeSpec> {
  if (object?.kind !== 'ProjectedVolume') {
    throw new LanternError('failed-precondition', `ProjectedVolume "${ref.name}" does not exist`, {
      reason: 'MISSING_OBJECTS',
    });
  }
  let spec = storedSpecs.get(object);
  if (spec === undefined) {
    spec = orThrow(await parser.run('source', { raw: object.spec, root: 'spec' }, signal));
    storedSpecs.set(object, spec);
  }
  return spec;
}

/** Parsed once for all volumes that name the object. */
const storedSpecs = new WeakMap<StoredObject, VolumeSpec>();

function provenanceOf(
  storeId: string,
  refs: readonly ObjectRef[],
  found: ReadonlyMap<string, StoredObject>,
): Provenance {
  const objects = new Map<string, number | null>();
  for (const ref of refs) {
    const key = refKey(ref);
    const object = found.get(key);
    objects.set(key, object === undefined ? null : Number(object.metadata.resourceVersion));
  }
  refsOfProvenance.set(objects, refs);
  return { storeId, objects };
}

const refsOfProvenance = new WeakMap<Provenance['objects'], readonly ObjectRef[]>();

/** The same list for volumes that share a rendering. */
export function refsOf({ objects }: Provenance): readonly ObjectRef[] {
  let refs = refsOfProvenance.get(objects);
  if (refs === undefined) {
    refs = [...objects.keys()].map(parseRefKey);
    refsOfProvenance.set(objects, refs);
  }
  return refs;
}

/**
 * An object that the contents were made from may be absent from a store with another history because that store started
 * empty, not because it was deleted. The contents stay until it is there.
 */
function refuseUnknownAbsence(before: Provenance, now: Provenance): void {
  const lost: string[] = [];
  for (const [key, revision] of now.objects) {
    if (revision === null && typeof before.objects.get(key) === 'number') lost.push(key);
  }
  if (lost.length === 0) return;
  throw new LanternError(
    'unavailable',
    `render the volume: ${lost.join(', ')} was there before, but this store has not seen it yet; the last contents stay, apply it again`,
    { reason: 'STORE_UNSYNCED' },
  );
}

/** The reason why something cannot be made from the present objects; see `Rendered` and `ResolvedEnvironment`. */
type Refusal = { readonly reason: 'missing' | 'invalid' | 'too-large'; readonly faults: readonly Fault[] };

export function refusalError({ reason, faults }: Refusal): LanternError {
  const text = faults.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; ');
  switch (reason) {
    case 'missing':
      return new LanternError('failed-precondition', text, { faults, reason: 'MISSING_OBJECTS' });
    case 'too-large':
      return new LanternError('resource-exhausted', text, { faults });
    case 'invalid':
      return new LanternError('invalid-argument', text, { faults });
  }
}

const DIRECTORY = '/volume';

/** A dry run gives nobody a credential. */
const DRY_ISSUER: TokenIssuer = {
  issuer: '',
  keyChanges: 0,
  async issue({ audiences: [audience = ''], expirationSeconds }) {
    const whose = audience === '' ? 'the default audience' : `the audience "${audience}"`;
    const token = `(a dry run issues no token; a token for ${whose}, good for ${expirationSeconds} s, would be here)`;
    return { token, issuedAt: 0, expiresAt: 8.64e15 };
  },
  vouchesFor: async () => false,
};

/** Renders a volume's tree in memory, as on disk. A notice in parentheses stands for each token, with another size. */
export async function renderVolume(
  request: RenderRequest,
  source: Source,
  dependencies: ProjectionDependencies,
  signal: AbortSignal,
): Promise<readonly TreeEntry[]> {
  const { clock, slices } = dependencies;
  const { payload } = await project(request, NOTHING, source, { ...dependencies, tokens: DRY_ISSUER }, signal);
  const { createMemoryFileSystem } = await import('../volume/memory-file-system.ts');
  const fs = createMemoryFileSystem();
  fs.mkdir(DIRECTORY, 0o755);
  using writer = new VolumeWriter({ fs, directory: DIRECTORY, clock });
  await slices.run(writer.writing(payload));
  return await slices.run(readingTree(fs, DIRECTORY, { withContents: request.withContents }));
}

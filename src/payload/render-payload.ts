import { hash } from 'node:crypto';
import type { Fault } from '../base/errors.ts';
import { finish, type Steps } from '../base/steps.ts';
import type { RelativePath } from '../spec/relative-path.ts';
import { type Contribution, contributionOf } from './contributions.ts';
import { byteOrderAmong, type Notice, type Payload, type PayloadFile } from './payload.ts';
import { type PayloadBudget, type RenderInputs, uidNoticesOf } from './render-inputs.ts';

export type { HeldToken, PayloadBudget, RenderInputs } from './render-inputs.ts';

/**
 * `missing`: objects or keys that may still come (FAILED_PRECONDITION). `invalid`: can never be rendered so.
 * Notices are for the user: an overwritten path, for one.
 */
type Rendered =
  | { readonly ok: true; readonly payload: Payload; readonly notices: readonly Notice[] }
  | { readonly ok: false; readonly reason: 'missing' | 'invalid' | 'too-large'; readonly faults: readonly Fault[] };

/**
 * The volume's files: what each source gives, later over earlier, within the budget. Every fault of every source at
 * once; where some are `missing` and some `invalid`, the reason is `invalid`, since waiting alone will not help.
 * Values are passed on, not copied.
 */
export function renderPayload(inputs: RenderInputs): Rendered {
  return finish(renderingPayload(inputs));
}

/** `renderPayload` in steps: thousands of files take tens of milliseconds. */
export function* renderingPayload(inputs: RenderInputs): Steps<Rendered> {
  const contributions: Contribution[] = [];
  for (const source of inputs.spec.sources) {
    contributions.push(contributionOf(source, inputs));
    yield;
  }
  const { files, notices, conflicts } = overlay(contributions);
  yield;
  const problems = contributions.flatMap((contribution) => contribution.problems);
  const messages = [...problems.map((problem) => problem.message), ...conflicts];
  if (messages.length > 0) {
    const isInvalid = conflicts.length > 0 || problems.some((problem) => problem.reason === 'invalid');
    return refused(isInvalid ? 'invalid' : 'missing', messages);
  }
  const payload = yield* buildingPayload(files, inputs.mountGroup);
  const excess = excessOf(payload, inputs.budget);
  return excess.length > 0
    ? refused('too-large', excess)
    : { ok: true, payload, notices: [...notices, ...uidNoticesOf(inputs.spec, inputs.pod)] };
}

function refused(reason: Extract<Rendered, { ok: false }>['reason'], messages: readonly string[]): Rendered {
  return { ok: false, reason, faults: messages.map((message) => ({ field: '', message })) };
}

function excessOf(payload: Payload, budget: PayloadBudget): string[] {
  const excess: string[] = [];
  if (payload.bytes > budget.bytes) {
    excess.push(`the volume's files have ${payload.bytes} bytes, more than the ${budget.bytes} allowed`);
  }
  if (payload.entries > budget.entries) {
    excess.push(`the volume has ${payload.entries} files and directories, more than the ${budget.entries} allowed`);
  }
  return excess;
}

/**
 * A payload of these files. The caller has made sure that no path is a parent of another. The bytes are kept, not
 * copied, and must not change afterwards.
 */
export function buildPayload(files: ReadonlyMap<RelativePath, PayloadFile>, mountGroup: number | undefined): Payload {
  return finish(buildingPayload(files, mountGroup));
}

/** `buildPayload` in steps. */
function* buildingPayload(
  files: ReadonlyMap<RelativePath, PayloadFile>,
  mountGroup: number | undefined,
): Steps<Payload> {
  const order = byteOrderAmong(files.keys());
  const sorted = [...files].sort(([a], [b]) => order(a, b));
  yield;
  const directories = new Set<string>();
  const digested = [JSON.stringify(mountGroup ?? null)];
  let bytes = 0;
  for (const [path, file] of sorted) {
    bytes += file.bytes.byteLength;
    addParents(path, directories);
    digested.push(digestible(path, file));
    yield;
  }
  return {
    files: new Map(sorted),
    mountGroup,
    bytes,
    entries: sorted.length + directories.size,
    digest: hash('sha256', digested.join('\n'), 'hex'),
  };
}

function addParents(path: string, directories: Set<string>): void {
  for (const parent of parentsOf(path)) {
    // Then those above it are there as well.
    if (directories.has(parent)) return;
    directories.add(parent);
  }
}

/** The directories above a path, nearest first: `a/b` and `a` for `a/b/c`. */
export function* parentsOf(path: string): Generator<string, void> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) yield path.slice(0, end);
}

/** JSON leaves no doubt where one part ends and the next begins, whatever a path holds; it has no line breaks. */
function digestible(path: RelativePath, { mode, user, group, bytes }: PayloadFile): string {
  return JSON.stringify([path, mode, user ?? null, group ?? null, contentDigest(bytes)]);
}

/**
 * Values are immutable and shared: one Secret in 1,000 volumes is hashed once, not 1,000 times. Keyed by identity, so
 * an entry lives exactly as long as its bytes.
 */
const contentDigests = new WeakMap<Uint8Array, string>();

function contentDigest(bytes: Uint8Array): string {
  let digest = contentDigests.get(bytes);
  if (digest === undefined) {
    digest = hash('sha256', bytes, 'base64url');
    contentDigests.set(bytes, digest);
  }
  return digest;
}

/** All contributions in one set of files. `conflicts` say what cannot be, `notices` what may not be meant. */
type Overlaid = {
  readonly files: ReadonlyMap<RelativePath, PayloadFile>;
  readonly notices: readonly Notice[];
  readonly conflicts: readonly string[];
};

/**
 * Lays later contributions over earlier ones. A path that two whole objects both bring, or that is listed twice, is hardly
 * meant: it is warned of, where Kubernetes stays silent. A listed item over a file of a whole object is deliberate.
 */
function overlay(contributions: readonly Contribution[]): Overlaid {
  const files = new Map<RelativePath, PayloadFile>();
  const owners = new Map<string, Contribution>();
  const notices: Notice[] = [];
  for (const contribution of contributions) {
    for (const [path, file] of contribution.files) {
      const covered = owners.get(path);
      if (covered?.isWhole === contribution.isWhole) {
        const message = `"${path}" of ${contribution.origin} overwrites the one of ${covered.origin}`;
        notices.push({ reason: 'PathOverwritten', message });
      }
      files.set(path, file);
      owners.set(path, contribution);
    }
  }
  return { files, notices, conflicts: conflictsAmong(owners) };
}

function conflictsAmong(owners: ReadonlyMap<string, Contribution>): string[] {
  const conflicts: string[] = [];
  for (const [path, owner] of owners) {
    for (const parent of parentsOf(path)) {
      const other = owners.get(parent);
      if (other === undefined) continue;
      conflicts.push(
        `"${parent}" of ${other.origin} and "${path}" of ${owner.origin} exclude each other: ` +
          `"${parent}" cannot be a file and a directory; give one of them another path`,
      );
    }
  }
  return conflicts;
}

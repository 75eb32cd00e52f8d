import type { Fault } from '../base/errors.ts';
import { finish, type Steps } from '../base/steps.ts';
import { parentsOf, type RelativePath } from '../spec/relative-path.ts';
import { type Contribution, contributionOf } from './contributions.ts';
import {
  buildingPayload,
  type Notice,
  type Payload,
  type PayloadFile,
  type RenderInputs,
  uidNoticesOf,
} from './payload.ts';

export type { HeldToken, PayloadBudget, RenderInputs } from './payload.ts';

/** `missing`: objects or keys may still be created (FAILED_PRECONDITION). `invalid`: impossible with these inputs. */
type Rendered =
  | { readonly ok: true; readonly payload: Payload; readonly notices: readonly Notice[] }
  | { readonly ok: false; readonly reason: 'missing' | 'invalid' | 'too-large'; readonly faults: readonly Fault[] };

/**
 * Renders all sources, later over earlier, within the budget. All faults are reported at once; `invalid` wins over
 * `missing`, since waiting alone does not help. Values are passed on, not copied.
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
  const messages: string[] = [];
  let isInvalid = conflicts.length > 0;
  for (const { problems } of contributions) {
    for (const { reason, message } of problems) {
      messages.push(message);
      isInvalid ||= reason === 'invalid';
    }
  }
  messages.push(...conflicts);
  if (messages.length > 0) return refused(isInvalid ? 'invalid' : 'missing', messages);
  const { mountGroup, budget, spec, pod } = inputs;
  const payload = yield* buildingPayload(files, mountGroup);
  if (payload.bytes > budget.bytes) {
    messages.push(`the volume's files have ${payload.bytes} bytes, more than the ${budget.bytes} allowed`);
  }
  if (payload.entries > budget.entries) {
    messages.push(`the volume has ${payload.entries} files and directories, more than the ${budget.entries} allowed`);
  }
  if (messages.length > 0) return refused('too-large', messages);
  return { ok: true, payload, notices: [...notices, ...uidNoticesOf(spec, pod)] };
}

function refused(reason: Extract<Rendered, { ok: false }>['reason'], messages: readonly string[]): Rendered {
  return { ok: false, reason, faults: messages.map((message) => ({ field: '', message })) };
}

/** `conflicts` make the set impossible. */
type Overlaid = {
  readonly files: ReadonlyMap<RelativePath, PayloadFile>;
  readonly notices: readonly Notice[];
  readonly conflicts: readonly string[];
};

/**
 * Lays later contributions over earlier ones. Two whole objects with the same path, or a path listed twice, are rarely
 * intended and get a notice; Kubernetes stays silent. A listed item over a file of a whole object is deliberate.
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
  return { files, notices, conflicts };
}

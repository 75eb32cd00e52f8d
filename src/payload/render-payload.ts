import type { Fault } from '../base/errors.ts';
import { finish, type Steps } from '../base/steps.ts';
import { buildingPayload } from './build-payload.ts';
import { type Contribution, contributionOf } from './contributions.ts';
import type { Notice } from './notice.ts';
import { overlay } from './overlay.ts';
import type { Payload } from './payload.ts';
import { uidNoticesOf } from './pod-uid.ts';
import type { PayloadBudget, RenderInputs } from './render-inputs.ts';

export type { HeldToken, PayloadBudget, RenderInputs } from './render-inputs.ts';

/**
 * `missing`: objects or keys that may still come (FAILED_PRECONDITION). `invalid`: can never be rendered so.
 * Notices are for the user: an overwritten path, for one.
 */
export type Rendered =
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

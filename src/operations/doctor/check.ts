import { describeErrno } from '../../base/errors.ts';
import type { DoctorFacts, PathFact } from './facts.ts';

/**
 * - `ok`: nothing to do.
 * - `warning`: a daemon runs, with less than it could.
 * - `problem`: a daemon with this configuration does not start, or does not do what it is for.
 * - `unknown`: could not be found out.
 */
export type Verdict = 'ok' | 'warning' | 'problem' | 'unknown';

const WORST_FIRST: readonly Verdict[] = ['problem', 'warning', 'unknown', 'ok'];

export function worst(verdicts: readonly Verdict[]): Verdict {
  return WORST_FIRST.find((verdict) => verdicts.includes(verdict)) ?? 'ok';
}

/** What one check came to. `finding` is one sentence; `nextStep` what to do about it, empty where nothing is. */
export type Finding = { readonly verdict: Verdict; readonly finding: string; readonly nextStep: string };

/** A named finding, as it is shown. */
export type NamedFinding = Finding & { readonly name: string };

/** Judges by the facts alone; undefined where the question does not arise. */
export type Check = (facts: DoctorFacts) => Finding | undefined;

export const ok = (finding: string, nextStep = ''): Finding => ({ verdict: 'ok', finding, nextStep });
export const warning = (finding: string, nextStep: string): Finding => ({ verdict: 'warning', finding, nextStep });
export const problem = (finding: string, nextStep: string): Finding => ({ verdict: 'problem', finding, nextStep });
export const unknown = (finding: string, nextStep: string): Finding => ({ verdict: 'unknown', finding, nextStep });

/** `0700` */
export function modeText(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** What is wrong with a path that is there but is not the user's own, or is of another type; undefined when it is fine. */
export function notOwn(
  fact: PathFact & { readonly state: 'there' },
  type: 'directory' | 'file' | 'socket',
  uid: number,
): Finding | undefined {
  if (fact.type !== type) {
    const article = type === 'directory' ? 'a directory' : `a ${type}`;
    return problem(`"${fact.path}" is not ${article}.`, 'Remove it, or name another path.');
  }
  if (fact.uid === uid) return undefined;
  return problem(
    `"${fact.path}" belongs to user ${fact.uid}, not to user ${uid}.`,
    'Run as that user, change the owner, or name another path.',
  );
}

/** For a path that this user cannot look at. */
export function hidden(fact: PathFact & { readonly state: 'hidden' }): Finding {
  return unknown(
    `"${fact.path}" cannot be looked at: ${describeErrno(fact.errno)}.`,
    'Run the doctor as the user that runs the daemon.',
  );
}

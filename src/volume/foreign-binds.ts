import type { Slices } from '../base/slices.ts';
import { inOneStep, type Steps } from '../base/steps.ts';

/**
 * What others show of one volume's generations, as a kubelet's `subPath` does: a directory, or a file, of a generation that
 * was bound elsewhere. A generation that were removed would turn empty there.
 */
export interface ForeignBinds {
  /** Runs the work after a look that begins later than this call; it may have to wait for others that look too. */
  afterLook(work: () => Steps<void>): void;
  /** Looks now, unless nothing can have changed since the last look. False when that is not possible: anything may be shown. */
  looking(): Steps<boolean>;
  /** Whether the last look found the generation, or a part of it, shown. */
  show(generation: string): boolean;
}

/** For a directory that nobody else binds anything of. */
export function noForeignBinds(slices: Slices): ForeignBinds {
  return {
    afterLook: (work) => void slices.run(work()),
    looking: () => inOneStep(() => true),
    show: () => false,
  };
}

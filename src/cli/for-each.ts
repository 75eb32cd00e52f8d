import { LanternError } from '../base/errors.ts';
import { printable } from './output/text.ts';
import type { Terminal } from './terminal.ts';

/** Errors that will meet every further item as well. */
const GENERAL = ['unavailable', 'cancelled', 'deadline-exceeded'];

/**
 * Does something to each item in turn, as kubectl does: what one is refused for goes to stderr and keeps no other out.
 * Whether all went well; if not, the command should end with `PARTLY_FAILED`.
 */
export async function forEach<T>(
  terminal: Terminal,
  items: readonly T[],
  action: (item: T) => Promise<void>,
): Promise<boolean> {
  let allWell = true;
  for (const item of items) {
    try {
      await action(item);
    } catch (error) {
      if (!(error instanceof LanternError) || GENERAL.includes(error.code)) throw error;
      allWell = false;
      terminal.complain(`lantern: ${printable(error.message)}`);
    }
  }
  return allWell;
}

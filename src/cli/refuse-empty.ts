import type { Command } from 'commander';
import { wrongUsage } from './exit.ts';

/** What means the same empty as left out, and is often written so. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set(['--docker-email']);

/** Words of a program that is run: empty ones may mean something to it. */
const ANOTHER_PROGRAM = 'COMMAND';

/**
 * Refuses options and arguments that are given, but empty: mostly that is a variable nobody has set, and what is left
 * would be about something else than was meant (another namespace, every object, a registry without a name).
 */
export function refuseEmpty(command: Command): void {
  for (let at: Command | null = command; at !== null; at = at.parent) {
    for (const option of at.options) {
      const given: unknown = at.getOptionValue(option.attributeName());
      const isEmpty = given === '' || (Array.isArray(given) && given.includes(''));
      if (isEmpty && option.long !== undefined && !MAY_BE_EMPTY.has(option.long)) {
        throw wrongUsage(
          `${option.long} must not be empty; leave it out, or set the variable that it was to come from`,
        );
      }
    }
  }
  for (const [index, argument] of command.registeredArguments.entries()) {
    const given = command.args.slice(index, argument.variadic ? undefined : index + 1);
    if (!given.includes('') || argument.name() === ANOTHER_PROGRAM) continue;
    throw wrongUsage(`<${argument.name()}> must not be empty; set the variable that it was to come from`);
  }
}

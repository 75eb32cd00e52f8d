import { resolve } from 'node:path';
import type { Command } from 'commander';
import { countOf } from '../../base/text.ts';
import { backUp, restore } from '../../stores/embedded/backup.ts';
import { type Cli, withExamples } from '../command.ts';
import { ShownProgress } from '../shown-progress.ts';
import { addStoreOptions, storeLocation } from '../store-options.ts';

/** Opens the files of a stopped daemon. */
export function backupCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern backup /var/backups/lantern']).argument(
    '<FILE>',
    'replaced if it exists; keep the key file elsewhere',
  );
  addStoreOptions(command).action(async (file: string, flags: Record<string, unknown>) => {
    using progress = new ShownProgress(cli);
    const count = await backUp(storeLocation(cli, flags), resolve(file), progress);
    cli.terminal.print(`${countOf(count, 'object')} backed up to ${resolve(file)}`);
  });
}

export function restoreCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern restore /var/backups/lantern']).argument(
    '<FILE>',
    'a file from "lantern backup", encrypted with the same key',
  );
  addStoreOptions(command).action(async (file: string, flags: Record<string, unknown>) => {
    using progress = new ShownProgress(cli);
    const { count, replaced } = await restore(storeLocation(cli, flags), resolve(file), cli.clock.now(), progress);
    cli.terminal.print(`${countOf(count, 'object')} restored from ${resolve(file)}`);
    if (replaced !== undefined) cli.terminal.print(`the old store is in ${replaced}`);
  });
}

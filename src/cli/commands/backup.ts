import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Cli, withExamples } from '../define-command.ts';
import { addStoreOptions, countOfObjects, storeLocation } from '../store-options.ts';

/** `lantern backup`: works on the files of a stopped daemon. */
export function backupCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern backup /var/backups/lantern']).argument(
    '<FILE>',
    'replaced when it exists; the key file has to be kept elsewhere',
  );
  addStoreOptions(command).action(async (file: string, flags: Record<string, unknown>) => {
    // Loaded here, so that other commands start without a database.
    const { backUp } = await import('../../stores/embedded/backup.ts');
    const count = await backUp(storeLocation(cli, flags), resolve(file));
    cli.terminal.print(`${countOfObjects(count)} backed up to ${resolve(file)}`);
  });
}

/** `lantern restore`: works on the files of a stopped daemon. */
export function restoreCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern restore /var/backups/lantern']).argument(
    '<FILE>',
    'written by lantern backup, with the same key',
  );
  addStoreOptions(command).action(async (file: string, flags: Record<string, unknown>) => {
    const { restore } = await import('../../stores/embedded/backup.ts');
    const { count, replaced } = await restore(storeLocation(cli, flags), resolve(file), cli.clock.now());
    cli.terminal.print(`${countOfObjects(count)} restored from ${resolve(file)}`);
    if (replaced !== undefined) cli.terminal.print(`what was there is in ${replaced}`);
  });
}

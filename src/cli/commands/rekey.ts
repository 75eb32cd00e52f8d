import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define-command.ts';
import { wrongUsage } from '../exit.ts';
import { addStoreOptions, countOfObjects, storeLocation } from '../store-options.ts';

/** `lantern rekey`: works on the files of a stopped daemon. */
export function rekeyCommand(cli: Cli): Command {
  const command = defineCommand('rekey', "Encrypt a stopped daemon's store anew, with the first of the key files.", [
    'lantern rekey --key-file /etc/lantern/new.key --key-file /etc/lantern/old.key',
  ]);
  return addStoreOptions(command).action(async (flags: Record<string, unknown>) => {
    const { rekey } = await import('../../sources/embedded-backup.ts');
    const location = storeLocation(cli, flags);
    const [first] = location.keyFiles;
    if (first === undefined) throw wrongUsage('name the new key first, then the old one, with --key-file');
    const count = await rekey(location);
    cli.terminal.print(`${countOfObjects(count)} encrypted with ${first}; no other key is needed any more`);
  });
}

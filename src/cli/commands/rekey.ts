import type { Command } from 'commander';
import type { EtcdConfig } from '../../stores/etcd/identity.ts';
import { type Cli, withExamples } from '../define-command.ts';
import { PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { printable } from '../output/text.ts';
import { addStoreChoice, countOfObjects, storeChoice } from '../store-options.ts';

/** `lantern rekey`: works on the files of a stopped daemon, or on an etcd while daemons use it. */
export function rekeyCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern rekey --key-file /etc/lantern/new.key --key-file /etc/lantern/old.key',
    'lantern rekey --store etcd --etcd-endpoints https://etcd-0:2379 --key-file new.key --key-file old.key',
  ]);
  addStoreChoice(command).action(async (flags: Record<string, unknown>) => {
    const { store, dataDirectory, keyFiles, etcd } = storeChoice(cli, flags);
    const [first] = keyFiles;
    if (first === undefined) throw wrongUsage('name the new key first, then the old one, with --key-file');
    if (store === 'memory') throw wrongUsage('--store memory: nothing of it is kept, so there is nothing to rekey');
    if (etcd !== undefined) return await rekeyShared(cli, etcd, first, keyFiles);
    const { rekey } = await import('../../stores/embedded/backup.ts');
    const count = await rekey({ directory: dataDirectory, keyFiles });
    cli.terminal.print(`${countOfObjects(count)} encrypted with ${first}; no other key is needed any more`);
  });
}

/** Says how many it rewrote also when something ends it. */
async function rekeyShared(
  { terminal, clock, signal }: Cli,
  etcd: EtcdConfig,
  first: string,
  keyFiles: readonly string[],
) {
  const { rekeyEtcd } = await import('../../stores/etcd/rekey.ts');
  let rewritten = 0;
  let left = 0;
  const onRewritten = () => {
    rewritten += 1;
  };
  const onLeft = ({ message }: Error) => {
    left += 1;
    terminal.complain(`lantern: ${printable(message)}`);
  };
  const said = () => `${countOf(rewritten)} encrypted anew, with ${first}`;
  try {
    await rekeyEtcd({ ...etcd, keyFiles, clock, onRewritten, onLeft }, signal);
  } catch (error) {
    if (rewritten > 0) terminal.print(`${said()}; run it again for the rest`);
    throw error;
  }
  if (left === 0) return terminal.print(`${said()}; no other key is needed for what is stored`);
  terminal.print(`${said()}; ${countOf(left)} left as ${left === 1 ? 'it was' : 'they were'}`);
  throw PARTLY_FAILED;
}

/** The store's id is one, too. */
function countOf(values: number): string {
  return `${values} ${values === 1 ? 'value' : 'values'}`;
}

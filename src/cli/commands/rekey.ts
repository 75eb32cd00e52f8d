import type { Command } from 'commander';
import { countOf } from '../../base/text.ts';
import type { EtcdConfig } from '../../stores/etcd/identity.ts';
import { type Cli, withExamples } from '../command.ts';
import { PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { printable } from '../output/text.ts';
import { ShownProgress } from '../shown-progress.ts';
import { addStoreChoice, storeChoice } from '../store-options.ts';

/** For the store of a stopped daemon, or for etcd while daemons use it. */
export function rekeyCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern rekey --key-file /etc/lantern/new.key --key-file /etc/lantern/old.key',
    'lantern rekey --store etcd --etcd-endpoints https://etcd-0:2379 --key-file new.key --key-file old.key',
  ]);
  addStoreChoice(command).action(async (flags: Record<string, unknown>) => {
    const { store, dataDirectory, keyFiles, etcd } = storeChoice(cli, flags);
    const [first] = keyFiles;
    if (first === undefined) throw wrongUsage('--key-file is required: first the new key, then the old one');
    if (store === 'memory') throw wrongUsage('--store memory keeps nothing, so there is nothing to rekey');
    if (etcd !== undefined) return await rekeyShared(cli, etcd, first, keyFiles);
    const { rekey } = await import('../../stores/embedded/backup.ts');
    using progress = new ShownProgress(cli);
    const count = await rekey({ directory: dataDirectory, keyFiles }, progress);
    cli.terminal.print(`${countOf(count, 'object')} encrypted with ${first}; the other keys are no longer needed`);
  });
}

/** Prints the number of rewritten values also after a failure. */
async function rekeyShared(cli: Cli, etcd: EtcdConfig, first: string, keyFiles: readonly string[]) {
  const { terminal, clock, signal } = cli;
  const { rekeyEtcd } = await import('../../stores/etcd/rekey.ts');
  using progress = new ShownProgress(cli);
  progress.begin('encrypting values');
  let rewritten = 0;
  let left = 0;
  const onRewritten = () => {
    rewritten += 1;
    progress.step();
  };
  const onLeft = ({ message }: Error) => {
    left += 1;
    terminal.complain(`lantern: ${printable(message)}`);
  };
  // Not every value is an object: the store's id is one, too.
  const summary = () => `${countOf(rewritten, 'value')} encrypted with ${first}`;
  try {
    await rekeyEtcd({ ...etcd, keyFiles, clock, onRewritten, onLeft }, signal);
  } catch (error) {
    if (rewritten > 0) terminal.print(`${summary()}; run it again for the rest`);
    throw error;
  }
  if (left === 0) return terminal.print(`${summary()}; the stored values need no other key`);
  terminal.print(`${summary()}; ${countOf(left, 'value')} not changed`);
  throw PARTLY_FAILED;
}

import type { Command } from 'commander';
import { type Cli, withExamples } from '../command.ts';
import { outputOption } from '../options.ts';
import { printYaml } from '../output/print-yaml.ts';
import { formatJson } from '../output/structured.ts';
import { printable } from '../output/text.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = { readonly client: boolean; readonly output?: 'json' | 'yaml' };

/** For a daemon that hangs. */
const DEADLINE_MS = 5_000;

/** As with kubectl, it prints the client's version and exits with 1 if there is no daemon. */
export function versionCommand(command: Command, cli: Cli, { version: own }: { readonly version: string }): void {
  withExamples(command, ['lantern version', 'lantern version --client', 'lantern version -o json'])
    .option('--client', 'print only the client version; needs no daemon', false)
    .addOption(outputOption('json', 'yaml'))
    .action(async ({ client, output }: Options) => {
      const answer = client ? undefined : await settled(daemonVersion(cli, command));
      const daemon = answer !== undefined && 'value' in answer ? answer.value : undefined;
      if (output !== undefined) {
        const serverVersion = daemon !== undefined && { serverVersion: { version: daemon } };
        const versions = { clientVersion: { version: own }, ...serverVersion };
        cli.terminal.print(output === 'json' ? formatJson(versions) : printYaml(versions));
      } else {
        cli.terminal.print(`Client Version: ${own}`);
        if (daemon !== undefined) cli.terminal.print(`Server Version: ${printable(daemon)}`);
      }
      if (answer !== undefined && 'error' in answer) throw answer.error;
    });
}

function daemonVersion(cli: Cli, command: Command): Promise<string> {
  return withDaemon(cli, command, async (daemon) => {
    const limits = { signal: cli.signal, deadlineMs: DEADLINE_MS };
    return (await daemon.identity.getPluginInfo({}, limits)).vendorVersion;
  });
}

/** Delays the error until the client's version is printed. */
async function settled(promise: Promise<string>): Promise<{ readonly value: string } | { readonly error: unknown }> {
  try {
    return { value: await promise };
  } catch (error) {
    return { error };
  }
}

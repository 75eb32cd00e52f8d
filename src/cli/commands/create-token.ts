import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { collect, defineCommand, namespaceOption } from '../define-command.ts';
import { durationArgument } from '../duration.ts';
import { wrongUsage } from '../exit.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = {
  readonly namespace?: string;
  readonly audience?: readonly string[];
  readonly duration?: number;
  readonly boundObjectKind?: 'Pod';
  readonly boundObjectName?: string;
  readonly boundObjectUid?: string;
};

/** `lantern create token`: a token of a service account, on stdout. */
export function createTokenCommand(cli: Cli): Command {
  return defineCommand('token', 'Print a new token of a service account.', [
    'lantern create token builder --audience https://vault.example --duration 30m',
    'lantern create token web --bound-object-kind Pod --bound-object-name web-0 --bound-object-uid "$POD_UID"',
  ])
    .argument('<NAME>', 'name of the ServiceAccount')
    .option('--audience <AUDIENCE>', 'whom the token is for; may be repeated (default: the issuer)', collect)
    .option('--duration <DURATION>', 'how long it is good, 10m at least (default: 1h)', durationArgument)
    .addOption(new Option('--bound-object-kind <KIND>', 'what the token says it belongs to').choices(['Pod']))
    .option('--bound-object-name <NAME>', 'name of that pod')
    .option('--bound-object-uid <UID>', 'its uid')
    .addOption(namespaceOption())
    .action(async (name: string, options: Options, command: Command) => {
      const { namespace = '', audience = [], duration } = options;
      const request = {
        namespace,
        serviceAccountName: name,
        audiences: [...audience],
        ...(duration !== undefined && { expirationSeconds: Math.floor(duration / 1000) }),
        ...podOf(options),
      };
      const { token } = await withDaemon(cli, command, (daemon) =>
        daemon.tokens.create(request, { signal: cli.signal }),
      );
      cli.terminal.print(token);
    });
}

function podOf({ boundObjectKind: kind, boundObjectName: podName, boundObjectUid: podUid }: Options) {
  if (kind === undefined && podName === undefined && podUid === undefined) return {};
  if (kind === undefined || !podName || !podUid) {
    throw wrongUsage('--bound-object-kind, --bound-object-name and --bound-object-uid go together');
  }
  return { podName, podUid };
}

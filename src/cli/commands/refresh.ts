import type { Command } from 'commander';
import type { RefreshRequest } from '../../rpc/generated/lantern/v1/RefreshRequest.ts';
import type { RefreshResult__Output as WireResult } from '../../rpc/generated/lantern/v1/RefreshResult.ts';
import { type Cli, withExamples } from '../command.ts';
import { forEach, PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { outputOption } from '../options.ts';
import { formatJson, wireToJson } from '../output/structured.ts';
import { printable } from '../output/text.ts';
import { ShownProgress } from '../shown-progress.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = { readonly all: boolean; readonly output?: 'json' };

/** Volumes a call: the daemon refreshes some of them at once, and progress is seen between calls. */
const PAGE_SIZE = 256;

/** Ignores the daemon's `--change-detection`: objects are read and rendered again. */
export function refreshCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern refresh /dev/shm/app-secrets', 'lantern refresh --all'])
    .argument('[VOLUME...]', 'ids of volumes, as in "lantern volumes"')
    .option('--all', 'refresh all volumes of this node', false)
    .addOption(outputOption('json'))
    .action(async (ids: readonly string[], options: Options) => {
      if (options.all === ids.length > 0) throw wrongUsage('specify the volumes to refresh, or --all');
      using progress = new ShownProgress(cli);
      progress.begin('refreshing volumes', options.all ? undefined : ids.length);
      const { results, allWell } = await withDaemon(cli, command, async (daemon) => {
        const results: WireResult[] = [];
        const refresh = async (request: RefreshRequest) => {
          const page = await daemon.projector.refresh(request, { signal: cli.signal });
          results.push(...page.results);
          return page;
        };
        if (options.all) {
          let pageToken = '';
          do {
            const page = await refresh({ all: true, pageSize: PAGE_SIZE, pageToken });
            progress.reach(results.length, results.length + page.remaining);
            pageToken = page.nextPageToken;
          } while (pageToken !== '');
          return { results, allWell: true };
        }
        const allWell = await forEach(cli.terminal, ids, async (volumeId) => {
          await refresh({ volumeId });
          progress.step();
        });
        return { results, allWell };
      });
      if (options.output === 'json') cli.terminal.print(formatJson(wireToJson({ results })));
      else if (results.length === 0 && allWell) cli.terminal.complain('No volumes are mounted.');
      else show(cli, results);
      if (!allWell || results.some(({ error }) => error !== '')) throw PARTLY_FAILED;
    });
}

function show(cli: Cli, results: readonly WireResult[]): void {
  for (const { volumeId, changed, error } of results) {
    const volume = `volume "${printable(volumeId)}"`;
    if (error === '') cli.terminal.print(`${volume} ${changed ? 'refreshed' : 'unchanged'}`);
    else cli.terminal.complain(`lantern: ${volume} keeps its last good contents: ${printable(error)}`);
  }
}

import type { Command } from 'commander';
import type { VolumeEvent__Output as WireEvent } from '../../rpc/generated/lantern/v1/VolumeEvent.ts';
import { type Cli, withExamples } from '../command.ts';
import { followVolumes } from '../objects/list-volumes.ts';
import { outputOption } from '../options.ts';
import type { Fit } from '../output/fit.ts';
import { wireToJson } from '../output/structured.ts';
import { GrowingTable } from '../output/table.ts';
import { printable, type Style } from '../output/text.ts';
import { sayAway, withDaemon } from '../with-daemon.ts';

type Options = { readonly existing: boolean; readonly output?: 'json' };

/** A signal is its regular end. Changes while the daemon is away are not shown. */
export function watchCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern watch', 'lantern watch /dev/shm/app-secrets -o json'])
    .argument('[ID]', 'watch only this volume')
    .option('--existing', 'start with a line for each mounted volume', false)
    .addOption(outputOption('json'))
    .action(async (volumeId: string | undefined, options: Options) => {
      const request = { volumeId: volumeId ?? '', includeExisting: options.existing };
      const table = new VolumeEventTable(cli.terminal.style, cli.terminal.columns);
      await withDaemon(cli, command, async (daemon) => {
        try {
          const { signal } = cli;
          const open = () => daemon.projector.watchVolumes(request, { signal });
          for await (const event of followVolumes(daemon, open, { signal, onAway: () => sayAway(cli) })) {
            const json = options.output === 'json';
            cli.terminal.print(json ? JSON.stringify(wireToJson(event)) : table.add(event));
          }
        } catch (error) {
          if (!cli.signal.aborted) throw error;
        }
      });
    });
}

const HEADINGS = ['TIME', 'EVENT', 'VOLUME', 'DETAILS'];
const COLUMNS: Fit['columns'] = [undefined, undefined, { how: 'cut', floor: 20 }, { how: 'wrap', floor: 28 }];
/** Of the longest event, so that the next columns stay where they are. */
const EVENT_WIDTH = 'update-skipped'.length;

export class VolumeEventTable {
  readonly #style: Style;
  readonly #table: GrowingTable;

  /** `width`: of the terminal; undefined if nothing has to fit. */
  constructor(style: Style, width: number | undefined) {
    this.#style = style;
    this.#table = new GrowingTable(HEADINGS, undefined, width === undefined ? undefined : { width, columns: COLUMNS });
  }

  /** The first event gets the headings. */
  add(event: WireEvent): string {
    const word = event.type.toLowerCase().replace('_', '-').padEnd(EVENT_WIDTH);
    const cells = [this.#style.faint(event.time), paint(event, this.#style)(word), printable(event.volumeId)];
    return this.#table.add([[...cells, printable(detailsOf(event))]]);
  }
}

function detailsOf(event: WireEvent): string {
  if (event.type === 'UPDATED') {
    const changed = event.changedPaths.length === 0 ? '' : ` (${event.changedPaths.join(', ')})`;
    const took = event.propagationMs > 0 ? ` in ${event.propagationMs.toFixed(1)} ms` : '';
    return `to ${event.newGeneration}${took}${changed}`;
  }
  const target = event.targetPath === '' ? '' : `at ${event.targetPath}`;
  return [target, event.message].filter((part) => part !== '').join(': ');
}

function paint({ type }: WireEvent, style: Style): (text: string) => string {
  if (type === 'FAILED') return style.bad;
  return type === 'WARNING' || type === 'UPDATE_SKIPPED' ? style.caution : style.good;
}

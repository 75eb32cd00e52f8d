import { isUtf8 } from 'node:buffer';
import type { Command } from 'commander';
import type { TreeEntry__Output as WireTreeEntry } from '../../rpc/generated/lantern/v1/TreeEntry.ts';
import { type Cli, withExamples } from '../command.ts';
import { outputOption } from '../options.ts';
import { formatJson, wireToJson } from '../output/structured.ts';
import { formatTree } from '../output/table.ts';
import { printable } from '../output/text.ts';
import { addVolumeOptions, type VolumeOptions, volumeRequest } from '../pods/volume-request.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = VolumeOptions & { readonly contents: boolean; readonly output?: 'json' };

export function renderCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern render -f volume.yaml', 'lantern render --secret mysecret --contents']);
  addVolumeOptions(command)
    .option('--contents', 'show the contents of the files too', false)
    .addOption(outputOption('json'))
    .action(async (options: Options) => {
      const request = { ...(await volumeRequest(options, cli.terminal)), withContents: options.contents };
      const { entries } = await withDaemon(cli, command, (daemon) =>
        daemon.projector.renderVolume(request, { signal: cli.signal }),
      );
      if (options.output === 'json')
        return cli.terminal.print(formatJson({ entries: entries.map((entry) => jsonOf(entry, options.contents)) }));
      cli.terminal.print(formatTree('volume', entries, cli.terminal.style));
      if (!options.contents) return;
      for (const entry of entries) if (entry.type === 'FILE') cli.terminal.print(contentsOf(entry));
    });
}

/** Without --contents the field is absent, because an empty one would look like an empty file. */
function jsonOf(entry: WireTreeEntry, withContents: boolean): unknown {
  const { contents, ...facts } = entry;
  return wireToJson(withContents && entry.type === 'FILE' ? { ...facts, contents } : facts);
}

/** The heading is the path as readers of the volume see it, without the generation. */
function contentsOf({ path, contents }: WireTreeEntry): string {
  const visiblePath = path.slice(path.indexOf('/') + 1);
  return `\n== ${printable(visiblePath)} ==\n${isText(contents) ? contents.toString().replace(/\n$/, '') : '<binary>'}`;
}

/** Text is UTF-8 without control characters other than tab and line end: others could steer the terminal. */
function isText(bytes: Buffer): boolean {
  if (!isUtf8(bytes)) return false;
  return bytes
    .toString()
    .split(/[\t\r\n]/)
    .every((part) => part === printable(part));
}

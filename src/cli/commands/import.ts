import { constants as fs } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { Archive } from '../../stores/archive/archive.ts';
import { readKeyRing } from '../../stores/sealed/key-file.ts';
import { type Cli, withExamples } from '../command.ts';
import { wrongUsage } from '../exit.ts';
import { checkArchive, type ImportMode, importObjects } from '../moving/import-objects.ts';
import { collect } from '../options.ts';
import { ShownProgress } from '../shown-progress.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = {
  readonly keyFile?: readonly string[];
  readonly dryRun: boolean;
  readonly skipExisting: boolean;
  readonly overwrite: boolean;
};

/** Checks the whole archive before it stores the first object. */
export function importCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern import --key-file /media/key/archive.key /var/backups/lantern.archive',
    'lantern import --key-file archive.key --dry-run lantern.archive',
  ])
    .argument('<FILE>', 'an archive from "lantern export"')
    .option('--key-file <FILE>', 'key of the archive; may be repeated', collect)
    .option('--dry-run', 'print what would be done without doing it', false)
    .option('--skip-existing', 'keep stored objects that differ', false)
    .option('--overwrite', 'replace stored objects that differ', false)
    .action(async (file: string, options: Options) => {
      const { keyFile: keyFiles = [], dryRun } = options;
      if (keyFiles.length === 0) throw wrongUsage('--key-file is required: the key of the archive');
      const mode = modeOf(options);
      if (file === '-') throw wrongUsage('an archive is read twice, so it cannot be read from stdin; name a FILE');
      const path = resolve(file);
      const keys = await readKeyRing(keyFiles.map((keyFile) => resolve(keyFile)));
      const what = `import "${path}"`;
      try {
        // Opening a pipe must not wait for a writer.
        const handle = await open(path, fs.O_RDONLY | fs.O_NONBLOCK);
        await using _ = { [Symbol.asyncDispose]: () => handle.close() };
        await requireRegular(handle, what);
        using progress = new ShownProgress(cli);
        const checked = await checkArchive(await Archive.open(handle, keys, what), progress);
        await withDaemon(cli, command, (daemon) => importObjects(cli, daemon, checked, { mode, dryRun, progress }));
      } catch (error) {
        throw errnoOf(error) === undefined ? error : toLanternError(error, what);
      }
    });
}

/** The archive is read more than once, and by position. */
async function requireRegular(handle: FileHandle, what: string): Promise<void> {
  if ((await handle.stat()).isFile()) return;
  throw new LanternError('invalid-argument', `${what}: it is not a regular file`);
}

function modeOf({ skipExisting, overwrite }: Options): ImportMode {
  if (skipExisting && overwrite) throw wrongUsage('--skip-existing and --overwrite cannot be combined');
  if (overwrite) return 'overwrite';
  return skipExisting ? 'skip' : 'refuse';
}

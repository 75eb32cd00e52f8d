import { constants as fs } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';
import { type Cli, collect, withExamples } from '../define-command.ts';
import { wrongUsage } from '../exit.ts';
import type { ImportMode } from '../moving/import-objects.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = {
  readonly keyFile?: readonly string[];
  readonly dryRun: boolean;
  readonly skipExisting: boolean;
  readonly overwrite: boolean;
};

/** `lantern import`: the whole archive is checked before the first object is stored. */
export function importCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern import --key-file /media/key/archive.key /var/backups/lantern.archive',
    'lantern import --key-file archive.key --dry-run lantern.archive',
  ])
    .argument('<FILE>', 'written by lantern export')
    .option('--key-file <FILE>', 'what the archive was encrypted with; may be repeated', collect)
    .option('--dry-run', 'check everything, store nothing', false)
    .option('--skip-existing', 'leave objects that are stored as they are', false)
    .option('--overwrite', 'replace objects that are stored and differ', false)
    .action(async (file: string, options: Options) => {
      const { keyFile: keyFiles = [], dryRun } = options;
      if (keyFiles.length === 0) throw wrongUsage('name the key that the archive was encrypted with, with --key-file');
      const mode = modeOf(options);
      if (file === '-')
        throw wrongUsage('an archive is read more than once, so it cannot come from stdin; name a file');
      const path = resolve(file);
      const [{ Archive }, { readKeyRing }, { checkArchive, importObjects }] = await Promise.all([
        import('../../stores/archive/archive.ts'),
        import('../../stores/sealed/key-file.ts'),
        import('../moving/import-objects.ts'),
      ]);
      const keys = await readKeyRing(keyFiles.map((keyFile) => resolve(keyFile)));
      const what = `import "${path}"`;
      try {
        // Not to wait for a writer, should it be a pipe.
        const handle = await open(path, fs.O_RDONLY | fs.O_NONBLOCK);
        await using _ = { [Symbol.asyncDispose]: () => handle.close() };
        await requireRegular(handle, what);
        const checked = await checkArchive(await Archive.open(handle, keys, what));
        await withDaemon(cli, command, (daemon) => importObjects(cli, daemon, checked, { mode, dryRun }));
      } catch (error) {
        throw errnoOf(error) === undefined ? error : toLanternError(error, what);
      }
    });
}

/** It is read more than once, and by position. */
async function requireRegular(handle: FileHandle, what: string): Promise<void> {
  if ((await handle.stat()).isFile()) return;
  throw new LanternError('invalid-argument', `${what}: it is not a regular file; name the archive`);
}

function modeOf({ skipExisting, overwrite }: Options): ImportMode {
  if (skipExisting && overwrite) throw wrongUsage('--skip-existing and --overwrite exclude each other');
  if (overwrite) return 'overwrite';
  return skipExisting ? 'skip' : 'refuse';
}

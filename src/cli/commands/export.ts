import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { errnoOf, toLanternError } from '../../base/errors.ts';
import { writePrivateFile } from '../../base/files.ts';
import { counted } from '../../base/progress.ts';
import { countOf } from '../../base/text.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { ArchiveWriter } from '../../stores/archive/archive.ts';
import { createKeyFile, readKeyRing } from '../../stores/sealed/key-file.ts';
import { type Cli, withExamples } from '../command.ts';
import { wrongUsage } from '../exit.ts';
import { manifestTexts, Spool } from '../moving/spool.ts';
import { ShownProgress } from '../shown-progress.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = {
  readonly keyFile?: string;
  readonly newKey: boolean;
  readonly force: boolean;
  readonly plain: boolean;
  readonly yesWriteSecretsInTheClear: boolean;
};

export function exportCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern export --key-file /media/key/archive.key --new-key /var/backups/lantern.archive',
    'lantern export --plain --yes-write-secrets-in-the-clear - > objects.yaml',
  ])
    .argument('<FILE|->', 'the archive; "-" (stdout) only with --plain')
    .option('--key-file <FILE>', "key that encrypts the archive, in a file like the store's; needed for the import")
    .option('--new-key', 'create the key file if it does not exist', false)
    .option('--force', 'replace an existing file', false)
    .option('--plain', 'write YAML manifests, not encrypted', false)
    .option('--yes-write-secrets-in-the-clear', 'required by --plain', false)
    .action(async (file: string, options: Options) => {
      if (!options.plain) {
        const keyFile = keyFileOf(file, options);
        return withDaemon(cli, command, (daemon) => exportArchive(cli, daemon, resolve(file), keyFile, options));
      }
      requirePlainTwice(options);
      return withDaemon(cli, command, (daemon) => exportPlain(cli, daemon, file, options));
    });
}

function keyFileOf(file: string, { keyFile, yesWriteSecretsInTheClear }: Options): string {
  if (yesWriteSecretsInTheClear) throw wrongUsage('--yes-write-secrets-in-the-clear needs --plain');
  if (file === '-') throw wrongUsage('an archive cannot be written to stdout; name a FILE, or use --plain');
  if (keyFile !== undefined) return resolve(keyFile);
  throw wrongUsage("--key-file FILE is required, with --new-key to create one; the daemon's own key is not used");
}

function requirePlainTwice({ keyFile, newKey, yesWriteSecretsInTheClear }: Options): void {
  if (keyFile !== undefined || newKey) throw wrongUsage('--plain takes no key; remove --key-file and --new-key');
  if (yesWriteSecretsInTheClear) return;
  throw wrongUsage('--plain does not encrypt secrets; to confirm that, add --yes-write-secrets-in-the-clear');
}

async function exportArchive(
  cli: Cli,
  daemon: LanternClient,
  path: string,
  keyFile: string,
  { newKey, force }: Options,
): Promise<void> {
  await requireOtherFile(path, keyFile);
  if (newKey) {
    await createKeyFile(keyFile);
    // Only an existing key file can be compared through linked directories.
    await requireOtherFile(path, keyFile);
  }
  const { first: key } = await readKeyRing([keyFile]);
  using progress = new ShownProgress(cli);
  const count = await describing(path, async () => {
    let count = 0;
    await writePrivateFile(path, { replace: force }, async (file) => {
      await using spool = await Spool.fill(dirname(path), daemon, progress, cli.signal);
      progress.begin('writing objects', spool.count);
      const writer = await ArchiveWriter.begin(file, key);
      for await (const object of counted(spool.objects(), progress)) await writer.append(object);
      await writer.finish();
      count = spool.count;
    });
    return count;
  });
  cli.terminal.print(`${countOf(count, 'object')} exported to ${path}, encrypted with ${keyFile}`);
}

async function exportPlain(cli: Cli, daemon: LanternClient, file: string, { force }: Options): Promise<void> {
  using progress = new ShownProgress(cli);
  if (file === '-') {
    await using spool = await describing('stdout', () => Spool.fill(tmpdir(), daemon, progress, cli.signal));
    progress.begin('writing objects', spool.count);
    // If the reader of the pipe leaves early, the process fails: a partial export is not an export.
    process.exitCode = 1;
    try {
      for await (const text of manifestTexts(counted(spool.objects(), progress)))
        await cli.terminal.write(Buffer.from(text));
    } finally {
      process.exitCode = 0;
    }
    return;
  }
  const path = resolve(file);
  await describing(path, () =>
    writePrivateFile(path, { replace: force }, async (handle) => {
      await using spool = await Spool.fill(dirname(path), daemon, progress, cli.signal);
      progress.begin('writing objects', spool.count);
      for await (const text of manifestTexts(counted(spool.objects(), progress))) await handle.writeFile(text);
      cli.terminal.complain(`lantern: ${countOf(spool.count, 'object')} written to ${path}, not encrypted`);
    }),
  );
}

/** Compares inodes, not names. A file that cannot be examined fails where it is used. */
async function requireOtherFile(path: string, keyFile: string): Promise<void> {
  const [a, b] = await Promise.all([path, keyFile].map((each) => stat(each, { bigint: true }).catch(() => undefined)));
  const isSame = a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
  if (!isSame && path !== keyFile) return;
  throw wrongUsage(`"${path}" is the key file; name another FILE`);
}

async function describing<T>(destination: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw errnoOf(error) === undefined ? error : toLanternError(error, `export to "${destination}"`);
  }
}

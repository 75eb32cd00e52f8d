import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { errnoOf, toLanternError } from '../../base/errors.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { type Cli, withExamples } from '../define-command.ts';
import { wrongUsage } from '../exit.ts';
import { countOfObjects } from '../store-options.ts';
import { withDaemon } from '../with-daemon.ts';

type Options = {
  readonly keyFile?: string;
  readonly newKey: boolean;
  readonly force: boolean;
  readonly plain: boolean;
  readonly yesWriteSecretsInTheClear: boolean;
};

/** `lantern export`: everything that a running daemon's store holds, whichever store that is, in one file. */
export function exportCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern export --key-file /media/key/archive.key --new-key /var/backups/lantern.archive',
    'lantern export --plain --yes-write-secrets-in-the-clear - > objects.yaml',
  ])
    .argument('<FILE|->', 'the archive; "-", which is stdout, only with --plain')
    .option('--key-file <FILE>', "what encrypts it: a file like the store's key files, which the import needs")
    .option('--new-key', 'make the key file when it does not exist', false)
    .option('--force', 'replace a file that exists', false)
    .option('--plain', 'manifests in YAML, not encrypted', false)
    .option('--yes-write-secrets-in-the-clear', 'has to be given with --plain', false)
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
  if (yesWriteSecretsInTheClear) throw wrongUsage('--yes-write-secrets-in-the-clear goes with --plain');
  if (file === '-') throw wrongUsage('an archive is written to a FILE; only --plain writes to stdout');
  if (keyFile !== undefined) return resolve(keyFile);
  throw wrongUsage(
    "name the archive's key with --key-file FILE, and add --new-key to make one; the daemon's own is never taken by itself",
  );
}

function requirePlainTwice({ keyFile, newKey, yesWriteSecretsInTheClear }: Options): void {
  if (keyFile !== undefined || newKey) throw wrongUsage('--plain takes no key; leave out --key-file and --new-key');
  if (yesWriteSecretsInTheClear) return;
  throw wrongUsage(
    '--plain writes every secret as everybody can read it; if that is meant, add --yes-write-secrets-in-the-clear',
  );
}

async function exportArchive(
  cli: Cli,
  daemon: LanternClient,
  path: string,
  keyFile: string,
  { newKey, force }: Options,
): Promise<void> {
  const [{ Spool }, { ArchiveWriter }, { writePrivateFile }, { createKeyFile, readKeyRing }] = await Promise.all([
    import('../moving/spool.ts'),
    import('../../stores/archive/archive.ts'),
    import('../../base/files.ts'),
    import('../../stores/sealed/key-file.ts'),
  ]);
  await requireOtherFile(path, keyFile);
  if (newKey) {
    await createKeyFile(keyFile);
    // Now it shows whether the two names meet by way of linked directories.
    await requireOtherFile(path, keyFile);
  }
  const { first: key } = await readKeyRing([keyFile]);
  const count = await describing(path, async () => {
    let count = 0;
    await writePrivateFile(path, { replace: force }, async (file) => {
      await using spool = await Spool.fill(dirname(path), daemon, cli.signal);
      const writer = await ArchiveWriter.begin(file, key);
      for await (const object of spool.objects()) await writer.append(object);
      await writer.finish();
      count = spool.count;
    });
    return count;
  });
  cli.terminal.print(`${countOfObjects(count)} exported to ${path}, encrypted with ${keyFile}`);
}

async function exportPlain(cli: Cli, daemon: LanternClient, file: string, { force }: Options): Promise<void> {
  const [{ Spool }, { manifestTexts }, { writePrivateFile }] = await Promise.all([
    import('../moving/spool.ts'),
    import('../moving/spool.ts'),
    import('../../base/files.ts'),
  ]);
  if (file === '-') {
    await using spool = await describing('stdout', () => Spool.fill(tmpdir(), daemon, cli.signal));
    // Whoever reads only a part has no export.
    process.exitCode = 1;
    try {
      for await (const text of manifestTexts(spool.objects())) await cli.terminal.write(Buffer.from(text));
    } finally {
      process.exitCode = 0;
    }
    return;
  }
  const path = resolve(file);
  await describing(path, () =>
    writePrivateFile(path, { replace: force }, async (handle) => {
      await using spool = await Spool.fill(dirname(path), daemon, cli.signal);
      for await (const text of manifestTexts(spool.objects())) await handle.writeFile(text);
      cli.terminal.complain(`lantern: ${countOfObjects(spool.count)} go to ${path}, readable by whoever has it`);
    }),
  );
}

/** By whatever name it goes. What cannot be looked at fails where it is used. */
async function requireOtherFile(path: string, keyFile: string): Promise<void> {
  const [a, b] = await Promise.all([path, keyFile].map((each) => stat(each, { bigint: true }).catch(() => undefined)));
  const isSame = a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
  if (!isSame && path !== keyFile) return;
  throw wrongUsage(`"${path}" is the key file itself, which nothing could replace; name another FILE`);
}

async function describing<T>(destination: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw errnoOf(error) === undefined ? error : toLanternError(error, `export to "${destination}"`);
  }
}

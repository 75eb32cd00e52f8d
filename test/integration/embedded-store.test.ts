import { execFile, execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parseRefKey } from '../../src/objects/object.ts';
import { backUp, rekey, restore } from '../../src/stores/embedded/backup.ts';
import { EmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { secretDraft } from '../support/objects/builders.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { CommandLine } from '../support/suite/command-line.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const execFileAsync = promisify(execFile);
const NEVER = new AbortController().signal;
const APPLY = { createOnly: false, dryRun: false };
const PLANTED = 'hunter2-planted-in-a-secret';
const DB = { kind: 'Secret', namespace: 'default', name: 'db' } as const;

/** A file of test/fixtures/stores: bytes that an earlier version wrote. */
function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/stores/${name}`, import.meta.url));
}

/** A place for a store that is opened and closed again and again. */
class Place extends TempDir {
  readonly location = { directory: this.at('data'), keyFiles: [this.at('key')] };

  constructor() {
    super('/dev/shm');
  }

  /** For what was written with that key. */
  useFixtureKey(): void {
    copyFileSync(fixture('key'), this.at('key'));
    chmodSync(this.at('key'), 0o600);
  }

  async with<T>(use: (store: EmbeddedStore) => Promise<T>, keyFiles = this.location.keyFiles): Promise<T> {
    await using store = await EmbeddedStore.open({ ...this.location, keyFiles });
    return await use(store);
  }

  async apply(value: string): Promise<number> {
    const { object } = await this.with((store) => store.apply(secretDraft('db', { password: value }), APPLY, NEVER));
    return Number(object.metadata.resourceVersion);
  }

  async password(keyFiles = this.location.keyFiles): Promise<string | undefined> {
    const object = await this.with((store) => store.get(DB, NEVER), keyFiles);
    if (object?.kind !== 'Secret') return undefined;
    return Buffer.from(object.data.get('password') ?? []).toString();
  }
}

/** Every file below the directory that holds the text, as it is or in base64. */
function filesWith(directory: string, text: string): string[] {
  const forms = [text, Buffer.from(text).toString('base64').slice(0, -4)];
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name));
  return paths.filter((path) => statSync(path).isFile() && forms.some((form) => readFileSync(path).includes(form)));
}

describe('what is kept', () => {
  test('objects, ids and revisions, over restarts and deletions', async () => {
    using place = new Place();
    const first = await place.apply('one');
    const ids = [await place.with(async (store) => store.storeId), await place.with(async (store) => store.storeId)];
    expect(new Set(ids).size).toBe(1);
    const kept = await place.with((store) => store.get(DB, NEVER));
    expect(kept).toMatchObject({ kind: 'Secret', data: new Map([['password', new Uint8Array(Buffer.from('one'))]]) });
    await place.with((store) => store.delete(DB, undefined, NEVER));
    const second = await place.apply('two');
    expect(second).toBeGreaterThan(first + 1);
  });

  test('a watch goes on after a restart from the newest revision; from an older one it has to list again', async () => {
    using place = new Place();
    await place.apply('one');
    const newest = await place.apply('two');
    await place.with(async (store) => {
      const older = store.watch({ from: newest - 1 }, NEVER)[Symbol.asyncIterator]();
      await expect(older.next()).rejects.toMatchObject({ code: 'out-of-range' });
      const current = store.watch({ from: newest }, NEVER)[Symbol.asyncIterator]();
      await store.apply(secretDraft('db', { password: 'three' }), APPLY, NEVER);
      expect((await current.next()).value).toMatchObject({ type: 'modified', revision: newest + 1 });
    });
  });

  test('values, labels and annotations in no file', async () => {
    using place = new Place();
    const annotations = new Map([['note', PLANTED]]);
    await place.with(async (store) => {
      for (let turn = 0; turn < 50; turn++) {
        const draft = secretDraft(`s-${turn}`, { password: `${PLANTED}-${turn}` }, { metadata: { annotations } });
        await store.apply(draft, APPLY, NEVER);
      }
      expect(filesWith(place.path, PLANTED)).toEqual([]);
    });
    await backUp(place.location, place.at('backup'));
    expect(filesWith(place.path, PLANTED)).toEqual([]);
    // The search finds what it looks for.
    writeFileSync(place.at('plain'), PLANTED);
    expect(filesWith(place.path, PLANTED)).toEqual([place.at('plain')]);
  });
});

describe('who may read it', () => {
  test('directory 0700, key file and head 0600', async () => {
    using place = new Place();
    await place.apply('one');
    const modes = [place.at('data'), place.at('key'), place.at('data', 'head')].map(
      (path) => statSync(path).mode & 0o777,
    );
    expect(modes).toEqual([0o700, 0o600, 0o600]);
  });

  test.each([
    ['a key file that the group can read', 'key', 0o640],
    ['a key file that everybody can read', 'key', 0o604],
    ['a data directory that others can enter', 'data', 0o711],
  ])('%s is refused', async (_, name, mode) => {
    using place = new Place();
    await place.apply('one');
    chmodSync(place.at(name), mode);
    await expect(place.password()).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining(place.at(name)),
    });
  });

  test.each(['', 'c2hvcnQ=\n', `${'A'.repeat(43)}!\n`])('a key file with %j is refused', async (text) => {
    using place = new Place();
    writeFileSync(place.at('key'), text, { mode: 0o600 });
    await expect(place.password()).rejects.toMatchObject({ code: 'failed-precondition' });
  });

  test('one process at a time, and the error says what to do', async () => {
    using place = new Place();
    await place.with(async () => {
      const attempts = [
        () => place.password(),
        () => backUp(place.location, place.at('backup')),
        () => rekey(place.location),
      ];
      for (const attempt of attempts) {
        await expect(attempt()).rejects.toMatchObject({
          code: 'failed-precondition',
          message: expect.stringContaining('stop that daemon'),
        });
      }
    });
  });
});

describe('rekey', () => {
  test('the first key seals, all open; after rekey the old one is not needed', async () => {
    using place = new Place();
    const [old] = place.location.keyFiles;
    const both = [place.at('new-key'), ...place.location.keyFiles];
    await place.apply('one');
    expect(await rekey({ ...place.location, keyFiles: both })).toBe(1);
    expect(await place.password(both.slice(0, 1))).toBe('one');
    await expect(place.password([String(old)])).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('--key-file'),
    });
  });
});

test('backup, rekey and restore tell how far they are', async () => {
  using place = new Place();
  await place.apply('one');
  const told: string[] = [];
  const progress = {
    begin: (what: string, total?: number) => void told.push(total === undefined ? what : `${what} ${total}`),
    step: () => void told.push('.'),
  };
  const keyFiles = [place.at('new-key'), ...place.location.keyFiles];
  await backUp(place.location, place.at('backup'), progress);
  await restore(place.location, place.at('backup'), Date.now(), progress);
  await rekey({ ...place.location, keyFiles }, progress);
  // A database has a record beside those of its objects.
  expect(told).toEqual([
    ...['reading records', '.', '.', 'writing objects 1', '.'],
    ...['reading objects', '.', 'writing 1 object'],
    ...['reading records', '.', '.', 'encrypting 1 object'],
  ]);
});

describe('backup and restore', () => {
  test('a lost database comes back; revisions go on, and what was there is kept aside', async () => {
    using place = new Place();
    await place.apply('saved');
    expect(await backUp(place.location, place.at('backup'))).toBe(1);
    expect(statSync(place.at('backup')).mode & 0o777).toBe(0o600);
    const later = await place.apply('later');
    rmSync(place.at('data', 'db'), { recursive: true });
    await expect(place.password()).rejects.toMatchObject({ code: 'data-loss' });
    const { count, replaced } = await restore(place.location, place.at('backup'), Date.now() + 1_000);
    expect(count).toBe(1);
    expect(existsSync(join(String(replaced), 'head'))).toBe(true);
    expect(await place.password()).toBe('saved');
    expect(await place.apply('after')).toBeGreaterThan(later);
  });

  test('on another machine, with the same key', async () => {
    using place = new Place();
    const declared = secretDraft('db', { password: 'saved', other: 'x' });
    await place.with((store) => store.apply(declared, { ...APPLY, mode: { kind: 'replace' } }, NEVER));
    await backUp(place.location, place.at('backup'));
    rmSync(place.at('data'), { recursive: true });
    expect(await restore(place.location, place.at('backup'), Date.now())).toEqual({ count: 1, replaced: undefined });
    expect(await place.password()).toBe('saved');
    const applied = await place.with(async (store) => (await store.get(DB, NEVER))?.applied);
    expect(applied).toEqual(new Set(['data[password]', 'data[other]']));
  });

  const damages: [string, (bytes: Buffer) => Uint8Array][] = [
    ['empty', () => Buffer.of()],
    ['cut short', (bytes) => bytes.subarray(0, -30)],
    ['longer than it was', (bytes) => Buffer.concat([bytes, bytes.subarray(-30)])],
    ['another file', () => Buffer.from('kind: Secret\n')],
  ];

  test.each(damages)('a backup that is %s is refused, and the store stays', async (_, change) => {
    using place = new Place();
    await place.apply('saved');
    await backUp(place.location, place.at('backup'));
    writeFileSync(place.at('backup'), change(readFileSync(place.at('backup'))));
    await expect(restore(place.location, place.at('backup'), Date.now())).rejects.toMatchObject({ code: 'data-loss' });
    expect(await place.password()).toBe('saved');
  });

  test.each<[string, (bytes: Buffer) => Uint8Array]>([
    ...damages,
    ['without a line', (bytes) => Buffer.from(`${bytes.toString().trimEnd().split('\n').slice(0, -1).join('\n')}\n`)],
  ])('a backup of an older version that is %s is refused, and the store stays', async (_, change) => {
    using place = new Place();
    place.useFixtureKey();
    await place.apply('saved');
    writeFileSync(place.at('backup'), change(readFileSync(fixture('backup-1'))));
    await expect(restore(place.location, place.at('backup'), Date.now())).rejects.toMatchObject({ code: 'data-loss' });
    expect(await place.password()).toBe('saved');
  });

  test.each(['backup-1', 'archive-1'])('%s, which an earlier version wrote, is restored', async (name) => {
    using place = new Place();
    place.useFixtureKey();
    // Both were written from the store whose newest revision this was.
    const newest = 1_795_963_380_111;
    expect(await restore(place.location, fixture(name), 0)).toEqual({ count: 4, replaced: undefined });
    await place.with(async (store) => {
      expect(store.revision).toBe(newest + 1);
      const [secret, configMap, account, volume] = await Promise.all(
        (['Secret/db', 'ConfigMap/settings', 'ServiceAccount/app', 'ProjectedVolume/files'] as const).map((name) =>
          store.get(parseRefKey(name.replace('/', '/default/')), NEVER),
        ),
      );
      expect(secret).toEqual({
        kind: 'Secret',
        type: 'Opaque',
        immutable: false,
        data: new Map([['password', new Uint8Array(Buffer.from('saved by an old version'))]]),
        metadata: {
          name: 'db',
          namespace: 'default',
          labels: new Map([['app', 'old']]),
          annotations: new Map(),
          uid: '69fa2396-dedf-4863-b3a4-cf8714a646d4',
          resourceVersion: '1795963380108',
          creationTimestamp: '2026-11-29T14:43:00Z',
        },
        applied: new Set(['metadata.labels[app]', 'data[password]']),
      });
      expect(configMap).toMatchObject({
        data: new Map([['a', 'b']]),
        binaryData: new Map([['c', Uint8Array.of(0, 255)]]),
      });
      expect(account).toMatchObject({ secrets: ['db'], imagePullSecrets: [], automountServiceAccountToken: undefined });
      expect(volume).toMatchObject({ spec: { secret: { secretName: 'db' } } });
    });
  });

  test('a backup comes through a pipe, too', async () => {
    using place = new Place();
    await place.apply('saved');
    await backUp(place.location, place.at('backup'));
    execFileSync('mkfifo', [place.at('pipe')]);
    const writing = execFileAsync('sh', ['-c', 'cat "$0" > "$1"', place.at('backup'), place.at('pipe')]);
    await restore(place.location, place.at('pipe'), Date.now());
    await writing;
    expect(await place.password()).toBe('saved');
  });

  test('a restore that ends half way is refused at the next start, whatever the step', async () => {
    using place = new Place();
    await place.apply('saved');
    await backUp(place.location, place.at('backup'));
    cpSync(place.at('data'), place.at('before'), { recursive: true });
    await restore(place.location, place.at('backup'), Date.now() + 1_000);
    // The new head is there already, the database still the old one; then it is moved aside.
    rmSync(place.at('data', 'db'), { recursive: true });
    cpSync(place.at('before', 'db'), place.at('data', 'db'), { recursive: true });
    await expect(place.password()).rejects.toMatchObject({ code: 'data-loss' });
    rmSync(place.at('data', 'db'), { recursive: true });
    await expect(place.password()).rejects.toMatchObject({ code: 'data-loss' });
  });

  test('a backup replaces an older one and no device or pipe, and leaves nothing beside it', async () => {
    using place = new Place();
    await place.apply('1');
    const backups = place.at('backups');
    mkdirSync(backups);
    writeFileSync(join(backups, 'backup'), 'older', { mode: 0o644 });
    expect(await backUp(place.location, join(backups, 'backup'))).toBe(1);
    expect(statSync(join(backups, 'backup')).mode & 0o777).toBe(0o600);
    symlinkSync('/dev/null', join(backups, 'null'));
    await expect(backUp(place.location, join(backups, 'null'))).rejects.toMatchObject({ code: 'failed-precondition' });
    expect(readdirSync(backups).sort()).toEqual(['backup', 'null']);
  });

  test('nothing is made by asking for what is not there', async () => {
    using place = new Place();
    await expect(backUp(place.location, place.at('backup'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(rekey(place.location)).rejects.toMatchObject({ code: 'not-found' });
    expect(readdirSync(place.path)).toEqual([]);
  });
});

test('a restarted daemon has its objects, and says where', async () => {
  await using harness = await DaemonHarness.start();
  await harness.applySecret('db', { password: PLANTED });
  await harness.restart();
  const { objects } = await harness.client.objects.list({ kind: 'Secret', namespace: 'default' });
  expect(objects.map(({ metadata }) => metadata?.name)).toEqual(['db']);
  expect(harness.daemon.readyLine).toContain(`store embedded in ${harness.directory.at('data')}`);
  expect(filesWith(harness.directory.at('data'), PLANTED)).toEqual([]);
});

test('lantern backup, restore and rekey say what they did', async () => {
  await using shell = new CommandLine();
  await shell.serve();
  await shell.runWithInput(
    'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: v}\n',
    'apply',
    '-f',
    '-',
  );
  const busy = await shell.run('backup', shell.at('backup'));
  expect({ code: busy.code, stderr: busy.stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining('stop that daemon'),
  });
  expect(await shell.stopServing()).toBe(0);
  // The Secret, and the one with the daemon's signing keys.
  expect(await shell.output('backup', shell.at('backup'))).toBe(`2 objects backed up to ${shell.at('backup')}\n`);
  expect(await shell.output('restore', shell.at('backup'))).toMatch(
    /^2 objects restored from .*\nthe old store is in /,
  );
  const keys = ['--key-file', shell.at('new-key'), '--key-file', shell.at('data', 'key')];
  expect(await shell.output('rekey', ...keys)).toContain(`2 objects encrypted with ${shell.at('new-key')}`);
  await shell.serve('--key-file', shell.at('new-key'));
  expect(await shell.output('get', 'secrets')).toContain('s ');
  // A backup is an archive, under the key that the store had.
  const oldKey = shell.at('data', 'key');
  expect(await shell.output('import', '--key-file', oldKey, '--dry-run', shell.at('backup'))).toBe(
    'secrets: 2 unchanged (dry run)\n',
  );
});

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { EmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { secretDraft } from '../support/objects/builders.ts';
import { compiled } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const NEVER = new AbortController().signal;
const NAMES = Array.from({ length: 40 }, (_, index) => `secret-${String(index).padStart(2, '0')}`);
let child: string;

beforeAll(() => {
  child = compiled('test/support/stores/store-child.ts');
});

type Found = { readonly names?: readonly string[]; readonly code?: string; readonly message?: string };

/** A store with 40 objects, some in a table and some in the log, as a daemon that was stopped leaves it. */
class StoppedStore extends TempDir {
  readonly data = this.at('data');

  static async make(): Promise<StoppedStore> {
    const stopped = new StoppedStore('/dev/shm');
    await stopped.write(NAMES.slice(0, 20));
    await stopped.write(NAMES.slice(20));
    return stopped;
  }

  async write(names: readonly string[]): Promise<void> {
    await using store = await EmbeddedStore.open({ directory: this.data, keyFiles: [this.at('key')] });
    for (const name of names) {
      await store.apply(secretDraft(name, { value: 'x'.repeat(500) }), { createOnly: false, dryRun: false }, NEVER);
    }
  }

  /** What the next start finds, in a process of its own: native code may end it by a signal. */
  look(): Found {
    const { stdout, signal, stderr } = spawnSync(process.execPath, [child, 'look', this.data, this.at('key')], {
      encoding: 'utf8',
    });
    expect({ signal, stderr }).toEqual({ signal: null, stderr: '' });
    return JSON.parse(stdout);
  }

  files(): string[] {
    return ['head', ...readdirSync(join(this.data, 'db')).map((name) => join('db', name))];
  }
}

function expectRefused(found: Found, ...words: readonly string[]): void {
  expect(found.code).toBe('data-loss');
  for (const word of [...words, 'lantern restore', 'docs/store.md']) expect(found.message).toContain(word);
}

const DAMAGES: readonly [string, (path: string) => void][] = [
  ['emptied', (path) => truncateSync(path, 0)],
  ['cut in half', (path) => truncateSync(path, Math.floor(statSync(path).size / 2))],
  ['cut by a byte', (path) => truncateSync(path, Math.max(0, statSync(path).size - 1))],
  ['zeroed', (path) => writeFileSync(path, Buffer.alloc(statSync(path).size))],
  ['zeroed in the middle', (path) => overwriteMiddle(path)],
  ['with one bit turned', (path) => turnBit(path)],
  ['removed', (path) => rmSync(path)],
];

function overwriteMiddle(path: string): void {
  const bytes = readFileSync(path);
  bytes.fill(0, Math.floor(bytes.length / 3), Math.ceil((bytes.length * 2) / 3));
  writeFileSync(path, bytes);
}

function turnBit(path: string): void {
  const bytes = readFileSync(path);
  const middle = Math.floor(bytes.length / 2);
  if (bytes.length > 0) bytes[middle] = (bytes[middle] ?? 0) ^ 16;
  writeFileSync(path, bytes);
}

describe('a data directory that is not what it was', () => {
  test('unharmed, everything is there', async () => {
    using stopped = await StoppedStore.make();
    expect(stopped.look()).toEqual({ names: NAMES });
  });

  describe.each(DAMAGES)('a file %s', (_, damage) => {
    test('gives a clear error, or nothing is missing: never a crash, never a silent loss', async () => {
      using stopped = await StoppedStore.make();
      const pristine = stopped.at('pristine');
      cpSync(stopped.data, pristine, { recursive: true });
      const outcomes = new Map<string, Found>();
      for (const file of stopped.files()) {
        rmSync(stopped.data, { recursive: true });
        cpSync(pristine, stopped.data, { recursive: true });
        damage(join(stopped.data, file));
        outcomes.set(file, stopped.look());
      }
      for (const [file, found] of outcomes) {
        if (found.names === undefined) expectRefused(found);
        else expect({ file, names: found.names }).toEqual({ file, names: NAMES });
      }
      // The files that hold what matters are refused, not merely survived.
      const refused = [...outcomes].filter(([, { code }]) => code !== undefined).map(([file]) => file);
      expect(refused).toContain('head');
      expect(refused.some((file) => /\.ldb$/.test(file))).toBe(true);
    });
  });

  test('an emptied database directory', async () => {
    using stopped = await StoppedStore.make();
    rmSync(join(stopped.data, 'db'), { recursive: true });
    expectRefused(stopped.look());
    rmSync(join(stopped.data, 'db'), { recursive: true, force: true });
    mkdirSync(join(stopped.data, 'db'));
    expectRefused(stopped.look());
  });

  test('an older copy of the database', async () => {
    using stopped = await StoppedStore.make();
    cpSync(join(stopped.data, 'db'), stopped.at('older'), { recursive: true });
    await stopped.write(['one-more']);
    rmSync(join(stopped.data, 'db'), { recursive: true });
    cpSync(stopped.at('older'), join(stopped.data, 'db'), { recursive: true });
    expectRefused(stopped.look(), 'older');
  });

  test('an older copy of the head alone harms nothing: the database may be ahead of it', async () => {
    using stopped = await StoppedStore.make();
    cpSync(join(stopped.data, 'head'), stopped.at('head'));
    await stopped.write(['one-more']);
    cpSync(stopped.at('head'), join(stopped.data, 'head'));
    expect(stopped.look()).toEqual({ names: ['one-more', ...NAMES] });
    expect(stopped.look()).toEqual({ names: ['one-more', ...NAMES] });
  });

  test("another store's database, sealed with the same key", async () => {
    using stopped = await StoppedStore.make();
    rmSync(stopped.data, { recursive: true });
    await stopped.write(NAMES);
    const [other, head] = [stopped.at('other'), join(stopped.data, 'head')];
    cpSync(head, other);
    rmSync(stopped.data, { recursive: true });
    await stopped.write(NAMES);
    cpSync(other, head);
    expectRefused(stopped.look(), 'another store');
  });

  test('a table that a killed process had not finished is none of the store, and goes', async () => {
    using stopped = await StoppedStore.make();
    const unfinished = join(stopped.data, 'db', '000999.ldb');
    writeFileSync(unfinished, 'half a table');
    expect(stopped.look()).toEqual({ names: NAMES });
    expect(stopped.files().filter((name) => name.includes('000999'))).toEqual([]);
  });

  test('a key file that is gone is not made anew', async () => {
    using stopped = await StoppedStore.make();
    cpSync(stopped.at('key'), stopped.at('kept'));
    rmSync(stopped.at('key'));
    expect(stopped.look()).toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('put it back'),
    });
    cpSync(stopped.at('kept'), stopped.at('key'));
    expect(stopped.look()).toEqual({ names: NAMES });
  });
});

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import type { StoredObject } from '../../../../src/objects/object.ts';
import { MemoryStore } from '../../../../src/stores/kept/memory-store.ts';
import { ManifestDirectory } from '../../../../src/stores/manifests/manifest-directory.ts';
import type { ObjectEvent } from '../../../../src/stores/store.ts';
import { isRoot, NOBODY } from '../../../support/host/privileges.ts';
import { secretDraft } from '../../../support/objects/builders.ts';
import { PatientClock } from '../../../support/suite/clocks.ts';
import { LogLines } from '../../../support/suite/log-lines.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const APPLY = { createOnly: false, dryRun: false };

/** A manifest directory over a real directory, and what a test watches it by. */
class Desk implements AsyncDisposable {
  readonly dir = new TempDir();
  readonly clock = new PatientClock();
  readonly store = new MemoryStore({ clock: this.clock });
  readonly logged = new LogLines();
  readonly #stop = new AbortController();
  readonly signal = this.#stop.signal;
  readonly manifests: ManifestDirectory;
  readonly #events = this.store.watch({}, this.signal)[Symbol.asyncIterator]();

  constructor(directory = this.dir.path) {
    this.manifests = new ManifestDirectory({ directory, store: this.store, clock: this.clock, log: this.logged.log });
  }

  write(name: string, text: string): void {
    writeFileSync(this.dir.at(name), text);
  }

  /** As an editor does: another file, then a rename. */
  replace(name: string, text: string): void {
    this.write(`.${name}.swp`, text);
    renameSync(this.dir.at(`.${name}.swp`), this.dir.at(name));
  }

  start(): Promise<void> {
    return this.manifests.start(this.signal);
  }

  /** The next change of the store: `modified db=hunter2`. */
  async change(): Promise<string> {
    const next = await this.#events.next();
    return next.done ? 'none' : eventText(next.value);
  }

  /** Secrets as `name=value`, in order. */
  async secrets(): Promise<string[]> {
    const { objects } = await this.store.list({ kind: 'Secret' }, this.signal);
    return objects.map(objectText);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manifests[Symbol.asyncDispose]();
    this.#stop.abort();
    this.dir[Symbol.dispose]();
  }
}

function objectText(object: StoredObject): string {
  const value = object.kind === 'Secret' ? object.data.get('value') : undefined;
  return `${object.metadata.name}=${Buffer.from(value ?? '').toString()}`;
}

function eventText({ type, object }: ObjectEvent): string {
  return `${type} ${objectText(object)}`;
}

function secret(name: string, value: string, extra = ''): string {
  return `apiVersion: v1\nkind: Secret\nmetadata:\n  name: ${name}\n${extra}stringData:\n  value: "${value}"\n`;
}

describe('the initial load', () => {
  test('applies every manifest, and nothing that is none', async () => {
    await using desk = new Desk();
    desk.write('b.yaml', `${secret('b', '1')}---\n${secret('c', '2')}`);
    desk.write('a.yml', secret('a', '3'));
    desk.write(
      'd.json',
      JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'd' }, stringData: { value: '4' } }),
    );
    desk.write('.hidden.yaml', secret('hidden', 'x'));
    desk.write('notes.txt', secret('notes', 'x'));
    mkdirSync(desk.dir.at('below.yaml'));
    desk.write('below.yaml/deep.yaml', secret('deep', 'x'));
    execFileSync('mkfifo', [desk.dir.at('pipe.yaml')]);
    await desk.start();
    expect(await desk.secrets()).toEqual(['a=3', 'b=1', 'c=2', 'd=4']);
    expect(desk.logged.lines.filter((line) => line.includes('WARN'))).toEqual([]);
  });

  test('a broken file is reported, without its contents, and is not fatal', async () => {
    await using desk = new Desk();
    desk.write('bad.yaml', 'apiVersion: v1\nkind: Secret\nstringData: {value: "hunter2\n  : [');
    desk.write('bytes.yaml', '');
    writeFileSync(desk.dir.at('bytes.yaml'), Buffer.from([0x68, 0xff, 0xfe]));
    desk.write('good.yaml', secret('good', '1'));
    desk.write('invalid.yaml', `${secret('fine', '1')}---\n${secret('No_Name', 'hunter2')}`);
    await desk.start();
    expect(await desk.secrets()).toEqual(['good=1']);
    for (const name of ['bad.yaml', 'bytes.yaml', 'invalid.yaml']) {
      expect(desk.logged.lines.some((line) => line.includes('WARN') && line.includes(`"${name}"`))).toBe(true);
    }
    expect(desk.logged.lines.join()).not.toContain('hunter2');
  });

  test('a null is refused by its name, and what the last good file said stays; all that it said is recorded', async () => {
    await using desk = new Desk();
    desk.write('a.yaml', secret('a', '1', '  labels: {l: "1"}\n'));
    await desk.start();
    const [before] = (await desk.store.list({ kind: 'Secret' }, desk.signal)).objects;
    expect(before?.applied).toEqual(new Set(['metadata.labels[l]', 'data[value]']));
    desk.replace('a.yaml', secret('a', '1').replace('"1"', ''));
    await vi.waitFor(() =>
      expect(desk.logged.lines.join()).toMatch(/manifest "a\.yaml": .*stringData\[value\]: is null, .*or write ""/),
    );
    expect(await desk.secrets()).toEqual(['a=1']);
  });

  test('documents of other kinds are ignored, with a caution', async () => {
    await using desk = new Desk();
    desk.write('a.yaml', `apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n---\n${secret('a', '1')}`);
    await desk.start();
    expect(await desk.secrets()).toEqual(['a=1']);
    expect(desk.logged.lines.join()).toContain('manifest "a.yaml": 1 of its documents');
  });

  test('a resourceVersion in a file does not make it stale', async () => {
    await using desk = new Desk();
    desk.write('a.yaml', secret('a', '1', '  resourceVersion: "12"\n'));
    await desk.start();
    expect(await desk.secrets()).toEqual(['a=1']);
  });

  test('a directory that is not there is fatal', async () => {
    await using desk = new Desk('/nonexistent/manifests');
    await expect(desk.start()).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('"/nonexistent/manifests"'),
    });
  });

  test('stops with the signal', async () => {
    await using desk = new Desk();
    const reason = new Error('shutting down');
    await expect(desk.manifests.start(AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe('following', () => {
  test('a file written in place, replaced by rename, added', async () => {
    await using desk = new Desk();
    desk.write('a.yaml', secret('a', '1'));
    await desk.start();
    expect(await desk.change()).toBe('added a=1');
    desk.write('a.yaml', secret('a', '2'));
    expect(await desk.change()).toBe('modified a=2');
    desk.replace('a.yaml', secret('a', '3'));
    expect(await desk.change()).toBe('modified a=3');
    desk.replace('b.yaml', secret('b', '1'));
    expect(await desk.change()).toBe('added b=1');
  });

  test('one swap of ..data, as the kubelet does it, update after update', async () => {
    await using desk = new Desk();
    const swap = (generation: string, value: string) => {
      mkdirSync(desk.dir.at(generation));
      desk.write(`${generation}/a.yaml`, secret('a', value));
      symlinkSync(generation, desk.dir.at('..data_tmp'));
      renameSync(desk.dir.at('..data_tmp'), desk.dir.at('..data'));
    };
    swap('..first', '1');
    symlinkSync('..data/a.yaml', desk.dir.at('a.yaml'));
    await desk.start();
    expect(await desk.change()).toBe('added a=1');
    swap('..second', '2');
    rmSync(desk.dir.at('..first'), { recursive: true });
    expect(await desk.change()).toBe('modified a=2');
    swap('..first', '3');
    rmSync(desk.dir.at('..second'), { recursive: true });
    expect(await desk.change()).toBe('modified a=3');
  });

  test('a link into a directory below follows what happens there; one to outside is refused', async () => {
    await using desk = new Desk();
    using outside = new TempDir();
    writeFileSync(outside.at('o.yaml'), secret('outside', 'hunter2'));
    mkdirSync(desk.dir.at('below'));
    desk.write('below/a.yaml', secret('a', '1'));
    symlinkSync('below/a.yaml', desk.dir.at('a.yaml'));
    symlinkSync(outside.at('o.yaml'), desk.dir.at('o.yaml'));
    await desk.start();
    expect(await desk.secrets()).toEqual(['a=1']);
    expect(await desk.logged.line('"o.yaml"')).toContain('outside the directory');
    expect(await desk.change()).toBe('added a=1');
    desk.write('below/a.yaml', secret('a', '2'));
    expect(await desk.change()).toBe('modified a=2');
  });

  test('a deleted file counts after a second, and takes its objects along', async () => {
    await using desk = new Desk();
    desk.write('a.yaml', secret('a', '1'));
    desk.write('b.yaml', secret('b', '1'));
    await desk.start();
    expect([await desk.change(), await desk.change()]).toEqual(['added a=1', 'added b=1']);
    rmSync(desk.dir.at('a.yaml'));
    await desk.clock.longTimer();
    desk.clock.advance(999);
    expect(await desk.secrets()).toEqual(['a=1', 'b=1']);
    desk.clock.advance(1);
    expect(await desk.change()).toBe('deleted a=1');
  });

  test.each<[string, (desk: Desk) => void]>([
    ['gone', (desk) => rmSync(desk.dir.at('a.yaml'))],
    ['empty', (desk) => truncateSync(desk.dir.at('a.yaml'))],
  ])('a file that is %s for less than a second was never away', async (_, takeAway) => {
    await using desk = new Desk();
    desk.write('a.yaml', secret('a', '1'));
    await desk.start();
    expect(await desk.change()).toBe('added a=1');
    takeAway(desk);
    await desk.clock.longTimer();
    desk.clock.advance(500);
    desk.write('a.yaml', secret('a', '2'));
    expect(await desk.change()).toBe('modified a=2');
    desk.clock.advance(10_000);
    // The next absence has a second of its own.
    takeAway(desk);
    await desk.clock.longTimer();
    desk.clock.advance(999);
    desk.write('a.yaml', secret('a', '3'));
    expect(await desk.change()).toBe('modified a=3');
  });

  test('a file that breaks keeps its old objects until it is whole again; the problem is logged once', async () => {
    await using desk = new Desk();
    desk.write('a.yaml', `${secret('a', '1')}---\n${secret('b', '1')}`);
    await desk.start();
    expect([await desk.change(), await desk.change()]).toEqual(['added a=1', 'added b=1']);
    desk.replace('a.yaml', `${secret('a', '2')}---\nkind: [`);
    await desk.logged.line('WARN');
    desk.write('c.yaml', secret('c', '1'));
    expect(await desk.change()).toBe('added c=1');
    desk.clock.advance(10_000);
    desk.write('d.yaml', secret('d', '1'));
    expect(await desk.change()).toBe('added d=1');
    expect(desk.logged.lines.filter((line) => line.includes('WARN'))).toHaveLength(1);
    desk.replace('a.yaml', `${secret('a', '2')}---\n${secret('b', '1')}`);
    expect(await desk.change()).toBe('modified a=2');
  });

  test('the same object in two files: the first by name counts, and the log says so', async () => {
    await using desk = new Desk();
    desk.write('b.yaml', secret('x', 'from b'));
    desk.write('a.yaml', secret('x', 'from a'));
    await desk.start();
    expect(await desk.secrets()).toEqual(['x=from a']);
    expect(await desk.logged.line('WARN')).toContain(
      'manifest "b.yaml": Secret default/x is also in "a.yaml", which comes first',
    );
    expect(await desk.change()).toBe('added x=from a');
    rmSync(desk.dir.at('a.yaml'));
    expect(await desk.change()).toBe('modified x=from b');
  });

  test('what the store refuses is reported and leaves the stored object alone', async () => {
    await using desk = new Desk();
    desk.write('a.yaml', secret('a', '1', 'type: example.com/one\n'));
    await desk.start();
    desk.write('a.yaml', secret('a', 'hunter2', 'type: example.com/two\n'));
    expect(await desk.logged.line('WARN')).toContain('manifest "a.yaml": Secret default/a: type: ');
    expect(await desk.secrets()).toEqual(['a=1']);
    expect(desk.logged.lines.join()).not.toContain('hunter2');
  });

  test('objects of others are neither deleted nor reset when a file changes', async () => {
    await using desk = new Desk();
    await desk.store.apply(secretDraft('foreign', { value: '1' }), APPLY, desk.signal);
    desk.write('a.yaml', secret('a', '1'));
    desk.write('b.yaml', secret('b', '1'));
    await desk.start();
    await desk.store.apply(secretDraft('a', { value: 'edited' }), APPLY, desk.signal);
    desk.write('b.yaml', secret('b', '2'));
    await desk.logged.line('outcome=configured');
    desk.clock.advance(10_000);
    expect(await desk.secrets()).toEqual(['a=edited', 'b=2', 'foreign=1']);
  });

  test('a directory that goes away keeps everything, and is followed again when it is back', async () => {
    using parent = new TempDir();
    const directory = parent.at('manifests');
    mkdirSync(directory);
    writeFileSync(`${directory}/a.yaml`, secret('a', '1'));
    await using desk = new Desk(directory);
    await desk.start();
    expect(await desk.change()).toBe('added a=1');
    renameSync(directory, parent.at('elsewhere'));
    expect(await desk.logged.line('WARN')).toContain(
      `read the manifests in "${directory}": no such file or directory (ENOENT)`,
    );
    mkdirSync(directory);
    writeFileSync(`${directory}/a.yaml`, secret('a', '2'));
    await desk.clock.longTimer();
    desk.clock.advance(1_000);
    expect(await desk.change()).toBe('modified a=2');
    writeFileSync(`${directory}/a.yaml`, secret('a', '3'));
    expect(await desk.change()).toBe('modified a=3');
  });

  test('after disposal, which may be repeated, nothing is followed and no timer waits', async () => {
    await using desk = new Desk();
    desk.write('a.yaml', secret('a', '1'));
    desk.write('b.yaml', secret('b', '1'));
    await desk.start();
    rmSync(desk.dir.at('b.yaml'));
    await desk.clock.longTimer();
    await desk.manifests[Symbol.asyncDispose]();
    await desk.manifests[Symbol.asyncDispose]();
    expect(desk.clock.pending).toBe(0);
    expect(await desk.secrets()).toEqual(['a=1', 'b=1']);
  });
});

describe.runIf(isRoot)('whose files are read (needs root)', () => {
  const OTHER = NOBODY - 1;

  type Case = {
    /** Owners of the directory, of the directory in it where the file lies, and of the file. */
    readonly owners: readonly [directory: number, holder: number, file: number];
    readonly holderMode?: number;
    readonly linked?: boolean;
    readonly refusal?: RegExp;
  };

  test.each<[string, Case]>([
    ["the directory's owner's", { owners: [NOBODY, NOBODY, NOBODY] }],
    ["root's", { owners: [NOBODY, NOBODY, 0] }],
    [
      "another user's",
      { owners: [NOBODY, NOBODY, OTHER], refusal: /belongs to user 65533, but the directory to user 65534/ },
    ],
    ["another user's in root's", { owners: [0, 0, NOBODY], refusal: /belongs to user 65534/ }],
    ['a hard link that its owner made', { owners: [NOBODY, NOBODY, NOBODY], linked: true }],
    ['a hard link that root made', { owners: [NOBODY, 0, NOBODY], linked: true }],
    ['a hard link in a tree of root', { owners: [0, 0, 0], linked: true }],
    [
      "a hard link to root's file, made by the user",
      { owners: [NOBODY, NOBODY, 0], linked: true, refusal: /a hard link/ },
    ],
    ["the same below root's directory", { owners: [0, NOBODY, 0], linked: true, refusal: /a hard link/ }],
    [
      'a hard link where everybody makes names',
      { owners: [0, 0, 0], holderMode: 0o1777, linked: true, refusal: /a hard link/ },
    ],
    [
      'a hard link where a group makes names',
      { owners: [0, 0, 0], holderMode: 0o775, linked: true, refusal: /a hard link/ },
    ],
  ])('%s', async (_, { owners: [directory, holder, file], holderMode = 0o755, linked, refusal }) => {
    await using desk = new Desk();
    using elsewhere = new TempDir();
    chownSync(desk.dir.path, directory, directory);
    mkdirSync(desk.dir.at('sub'));
    desk.write('sub/a.yaml', secret('a', '1'));
    chownSync(desk.dir.at('sub', 'a.yaml'), file, file);
    if (linked) linkSync(desk.dir.at('sub', 'a.yaml'), elsewhere.at('second'));
    chownSync(desk.dir.at('sub'), holder, holder);
    chmodSync(desk.dir.at('sub'), holderMode);
    symlinkSync('sub/a.yaml', desk.dir.at('a.yaml'));
    await desk.start();
    expect(await desk.secrets()).toEqual(refusal === undefined ? ['a=1'] : []);
    if (refusal !== undefined) expect(await desk.logged.line('"a.yaml"')).toMatch(refusal);
  });
});

describe('a flood of events', () => {
  /** More at once than is listened to. */
  const flood = (desk: Desk) => {
    desk.write('.one', '');
    for (let count = 0; count < 1_000; count += 1) {
      renameSync(desk.dir.at('.one'), desk.dir.at('.other'));
      renameSync(desk.dir.at('.other'), desk.dir.at('.one'));
    }
  };
  const look = async (desk: Desk) => {
    await desk.clock.longTimer();
    desk.clock.advance(2_000);
  };

  test('is not listened to: the directory is read every two seconds, until it is over', async () => {
    await using desk = new Desk();
    await desk.start();
    flood(desk);
    desk.write('a.yaml', secret('a', '1'));
    await desk.logged.line('too much happens in the manifests directory');
    expect(await desk.secrets()).toEqual([]);
    await look(desk);
    expect(await desk.change()).toBe('added a=1');
    await look(desk);
    await desk.logged.line('quiet enough to be followed again');
    desk.write('a.yaml', secret('a', '2'));
    expect(await desk.change()).toBe('modified a=2');
  });

  test('more names than are read end the pass, and nothing is deleted', async () => {
    await using desk = new Desk();
    desk.write('a.yaml', secret('a', '1'));
    await desk.start();
    expect(await desk.change()).toBe('added a=1');
    for (let count = 0; count <= 20_000; count += 1) symlinkSync('x', desk.dir.at(`.${count}`));
    rmSync(desk.dir.at('a.yaml'));
    await look(desk);
    expect(await desk.logged.line('more than 20000 names')).toContain(`read the manifests in "${desk.dir.path}"`);
    desk.clock.advance(10_000);
    expect(await desk.secrets()).toEqual(['a=1']);
  });
});

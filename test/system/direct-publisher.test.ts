import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listTree } from '../support/host/list-tree.ts';
import { isRoot, NOBODY } from '../support/host/privileges.ts';
import { type DirectDaemon, DirectScene, FILES } from '../support/mount/direct-scene.ts';
import { DirectWorld } from '../support/mount/direct-world.ts';
import { relativePath } from '../support/objects/builders.ts';
import { payloadOf, volumeId } from '../support/volume/volume-content.ts';

const GENERATION = /^\.\.\d{4}(_\d\d){5}\.\d+$/;

const contentsOf = (...path: readonly string[]) => readFileSync(join(...path), 'utf8');
const modeOf = (path: string) => statSync(path).mode & 0o7777;
const inodeOf = (path: string) => lstatSync(path).ino;

describe('a volume without privileges', () => {
  test('is rendered with its bytes and modes, swapped on update, and leaves nothing', async () => {
    await using scene = new DirectScene();
    const daemon = await scene.withVolume();
    expect(await daemon.do('describe')).toMatchObject({ kind: 'direct', canChangeOwners: false });
    const target = scene.at('t');
    expect(await daemon.do('publish', 'v', { target })).toEqual({});

    const generation = await daemon.do('generation', 'v');
    expect(generation).toMatch(GENERATION);
    expect(listTree(target)).toEqual(
      [
        '..data',
        generation,
        ...['.dot', 'a', 'a/b', 'c'].map((path) => `${generation}/${path}`),
        '.dot',
        'a',
        'c',
      ].sort(),
    );
    expect(readlinkSync(join(target, '..data'))).toBe(generation);
    expect(['a/b', 'c', '.dot'].map((path) => contentsOf(target, path))).toEqual(['one', 'two', '']);
    expect(['', 'a', 'a/b', 'c'].map((path) => modeOf(join(target, path)))).toEqual([0o755, 0o755, 0o644, 0o400]);
    if (isRoot) expect(statSync(join(target, 'c')).uid).toBe(NOBODY);
    expect(await daemon.do('usage', 'v')).toMatchObject({ totalBytes: expect.any(Number) });

    const held = inodeOf(target);
    expect(await daemon.do('write', 'v', FILES)).toMatchObject({ changed: false, changedPaths: [] });
    expect(await daemon.do('publish', 'v', { target })).toEqual({});
    expect(readlinkSync(join(target, '..data'))).toBe(generation);
    const outcome = await daemon.do('write', 'v', { 'a/b': 'three', d: 'new' });
    expect(outcome).toMatchObject({ changed: true, previous: generation, changedPaths: ['.dot', 'a/b', 'c', 'd'] });
    expect(readlinkSync(join(target, '..data'))).toBe(outcome.generation);
    expect(inodeOf(target)).toBe(held);
    expect(['a/b', 'd'].map((path) => contentsOf(target, path))).toEqual(['three', 'new']);
    expect(readdirSync(target)).not.toContain('c');

    await daemon.do('unpublish', 'v', target);
    await daemon.do('unpublish', 'v', target);
    await daemon.do('remove', 'v');
    expect(scene.leftovers).toEqual([]);
  });

  test('a target of each kind and a further one: updates reach whole volumes, copies stay as they were', async () => {
    await using scene = new DirectScene();
    const daemon = await scene.withVolume();
    scene.own(() => mkdirSync(scene.at('there'), 0o700), 'targets/there');
    for (const name of ['new', 'there']) await daemon.do('publish', 'v', { target: scene.at(name) });
    const generations = () => ['new', 'there'].map((name) => readlinkSync(scene.at(name, '..data')));
    const generation = await daemon.do('generation', 'v');
    expect(generations()).toEqual([generation, generation]);
    const pinned = await daemon.do('publish', 'v', { target: scene.at('file'), subPath: 'c' });
    expect(await daemon.do('publish', 'v', { target: scene.at('directory'), subPath: 'a' })).toEqual(pinned);
    const before = ['file', 'directory', 'directory/b'].map((path) => inodeOf(scene.at(path)));

    const outcome = await daemon.do('write', 'v', { 'a/b': 'three' });
    expect(generations()).toEqual([outcome.generation, outcome.generation]);
    expect(['new/a/b', 'there/a/b', 'directory/b', 'file'].map((path) => contentsOf(scene.at(path)))).toEqual([
      'three',
      'three',
      'one',
      'two',
    ]);
    expect(['file', 'directory', 'directory/b'].map((path) => inodeOf(scene.at(path)))).toEqual(before);
    expect(['file', 'directory', 'directory/b'].map((path) => modeOf(scene.at(path)))).toEqual([0o400, 0o755, 0o644]);
    expect(lstatSync(scene.at('directory/b')).isFile()).toBe(true);
    expect(await daemon.do('publish', 'v', { target: scene.at('file'), subPath: 'c' })).toEqual(pinned);

    expect(await daemon.ask('publish', 'v', { target: scene.at('gone'), subPath: 'c' })).toMatchObject({
      error: { code: 'not-found', message: expect.stringContaining('"a/b"') },
    });
    writeFileSync(scene.at('directory/foreign'), 'kept');
    await daemon.do('removeAll');
    expect(scene.leftovers).toEqual(['directory']);
    expect(listTree(scene.at('directory'))).toEqual(['foreign']);
  });

  test('a target that somebody removed is not published any more; publishing again renders it anew', async () => {
    await using scene = new DirectScene();
    const daemon = await scene.withVolume();
    for (const [name, subPath] of [
      ['t', undefined],
      ['f', 'c'],
      ['d', 'a'],
      ['other', undefined],
    ] as const) {
      await daemon.do('publish', 'v', { target: scene.at(name), subPath });
    }
    execFileSync('rm', ['-r', scene.at('t'), scene.at('f'), scene.at('d')]);
    expect(await daemon.do('isPublished', 'v', scene.at('t'))).toBe(false);
    await daemon.do('write', 'v', { 'a/b': 'three', c: 'four' });
    expect(contentsOf(scene.at('other/c'))).toBe('four');
    for (const [name, subPath] of [
      ['t', undefined],
      ['f', 'c'],
      ['d', 'a'],
    ] as const) {
      expect(await daemon.do('isPublished', 'v', scene.at(name))).toBe(false);
      await daemon.do('publish', 'v', { target: scene.at(name), subPath });
    }
    expect(['t/c', 'f', 'd/b'].map((path) => contentsOf(scene.at(path)))).toEqual(['four', 'four', 'three']);
    await daemon.do('removeAll');
    expect(scene.leftovers).toEqual([]);
  });
});

describe('invariant 4: a restart', () => {
  const PUBLICATIONS = [
    { name: 't', subPath: undefined },
    { name: 'f', subPath: 'c' },
    { name: 'd', subPath: 'a' },
  ] as const;

  async function published(scene: DirectScene): Promise<DirectDaemon> {
    const daemon = await scene.withVolume();
    const publications = PUBLICATIONS.map(({ name, subPath }) => ({ target: scene.at(name), subPath }));
    await daemon.do('saveRecord', 'v', publications);
    await daemon.do('saveInputs', 'v', { key: 's3cret' });
    for (const { target, subPath } of publications) await daemon.do('publish', 'v', { target, subPath });
    await daemon.kill();
    return daemon;
  }

  /** Changes a file that the daemon left. */
  function edit(scene: DirectScene, name: string, change: (text: string) => string): void {
    const [volume = ''] = readdirSync(scene.directory.at('run/direct'));
    const path = scene.directory.at('run/direct', volume, name);
    writeFileSync(path, change(contentsOf(path)));
  }

  test('after SIGKILL the same targets are updated, and go', async () => {
    await using scene = new DirectScene();
    await published(scene);
    const before = PUBLICATIONS.map(({ name }) => inodeOf(scene.at(name)));
    const generation = readlinkSync(scene.at('t/..data'));

    const daemon = scene.start();
    const [resumed, ...others] = await daemon.do('resume');
    expect(others).toEqual([]);
    expect(resumed).toMatchObject({
      record: { ok: true, value: { volumeId: 'v' } },
      inputs: ['key'],
      files: [{ path: '.dot' }, { path: 'a/b', size: 3 }, { path: 'c', mode: 0o400 }],
    });
    expect(resumed?.liveTargets.map(({ target, subPath }) => ({ target, subPath }))).toEqual(
      PUBLICATIONS.map(({ name, subPath }) => ({ target: scene.at(name), subPath })),
    );
    expect(await daemon.do('write', 'v', FILES)).toMatchObject({ changed: false });
    expect(readlinkSync(scene.at('t/..data'))).toBe(generation);
    expect(await daemon.do('write', 'v', { ...FILES, c: 'three' })).toMatchObject({ changedPaths: ['c'] });
    expect(contentsOf(scene.at('t/c'))).toBe('three');
    expect(contentsOf(scene.at('f'))).toBe('two');
    expect(PUBLICATIONS.map(({ name }) => inodeOf(scene.at(name)))).toEqual(before);
    for (const { name } of PUBLICATIONS) await daemon.do('unpublish', 'v', scene.at(name));
    await daemon.do('remove', 'v');
    expect(scene.leftovers).toEqual([]);
  });

  test('targets that are no longer what was published are not taken over, nor touched', async () => {
    await using scene = new DirectScene();
    await published(scene);
    for (const { name } of PUBLICATIONS) execFileSync('mv', [scene.at(name), scene.directory.at(`moved-${name}`)]);
    mkdirSync(scene.at('t/..2026_11_23_19_24_08.1'), { recursive: true });
    writeFileSync(scene.at('f'), 'foreign');
    symlinkSync('../moved-d', scene.at('d'));

    const daemon = scene.start();
    expect(await daemon.do('resume')).toEqual([]);
    expect(listTree(scene.at())).toEqual(['d', 'f', 't', 't/..2026_11_23_19_24_08.1']);
    expect(contentsOf(scene.directory.at('moved-d/b'))).toBe('one');
    expect(readdirSync(scene.directory.at('run/direct'))).toEqual([]);
  });

  test('what a crash left half-made is removed, and nothing else', async () => {
    await using scene = new DirectScene();
    await published(scene);
    writeFileSync(scene.at('d/foreign'), 'kept');
    execFileSync('rm', [scene.at('d/b')]);
    mkdirSync(scene.at('e'));
    edit(scene, 'targets.json', (text) => text.replaceAll('"isComplete":true', '"isComplete":false'));
    const daemon = scene.start();
    expect(await daemon.do('resume')).toEqual([]);
    expect(listTree(scene.at())).toEqual(['d', 'd/foreign', 'e']);
    expect(readdirSync(scene.directory.at('run/direct'))).toEqual([]);
  });

  test('claims of an earlier boot are swept and their targets not trusted', async () => {
    await using scene = new DirectScene();
    await published(scene);
    edit(scene, 'targets.json', (text) => text.replace(/"bootId":"[^"]+"/, '"bootId":"an-earlier-one"'));
    const daemon = scene.start();
    expect(await daemon.do('resume')).toEqual([]);
    expect(readdirSync(scene.directory.at('run/direct'))).toEqual([]);
    expect(contentsOf(scene.at('t/c'))).toBe('two');
    await daemon.do('clear', 'v', scene.at('t'));
    expect(contentsOf(scene.at('t/c'))).toBe('two');
  });

  test.each([
    ['a damaged record', (text: string) => `${text}s3cret`],
    ['the record of another volume', (text: string) => text.replace('"volumeId":"v"', '"volumeId":"w"')],
  ])('invariant 6: %s costs the status only; the targets are known all the same', async (_, damage) => {
    await using scene = new DirectScene();
    await published(scene);
    edit(scene, 'record.json', damage);
    const daemon = scene.start();
    const [resumed] = await daemon.do('resume');
    expect(resumed?.record).toEqual({ ok: false, problem: expect.not.stringContaining('s3cret') });
    expect(resumed?.liveTargets).toHaveLength(3);
    await daemon.do('removeAll');
    expect(scene.leftovers).toEqual([]);
  });

  test('invariant 3: killed at any moment, what is left is whole or nothing', async () => {
    await using scene = new DirectScene();
    const targets = PUBLICATIONS.map(({ name, subPath }) => ({ target: scene.at(name), subPath }));
    for (let round = 0; round < 8; round++) {
      const daemon = await scene.withVolume({ 'a/b': 'turn -1', c: 'turn -1' });
      await daemon.do('saveRecord', 'v', targets);
      await daemon.do('churn', 'v', targets);
      for (let turn = 0; turn < round; turn++) await daemon.next();
      await daemon.kill();
      const next = scene.start();
      const live = (await next.do('resume')).flatMap(({ liveTargets }) => liveTargets);
      expect(readdirSync(scene.at()).sort()).toEqual(live.map(({ target }) => basename(target)).sort());
      for (const { target, subPath } of live) {
        const found = { undefined: ['a/b', 'c'], a: ['b'], c: [''] }[String(subPath)] ?? [];
        for (const path of found) expect(contentsOf(target, path)).toMatch(/^turn -?\d+$/);
      }
      await next.do('removeAll');
      expect(scene.leftovers).toEqual([]);
      await next.kill();
    }
  });
});

test.runIf(isRoot)('with the privilege, files belong to whom the payload says, in volumes and copies alike', () => {
  using world = new DirectWorld();
  const publisher = world.start();
  expect(publisher.canChangeOwners).toBe(true);
  const volume = publisher.open(volumeId('v'), 'default');
  volume.write(payloadOf({ 'a/b': { text: 'x', user: 1234, group: 4321, mode: 0o400 }, c: 'x' }, 2345));
  const at = (path: string) => join(world.targets, path);
  for (const [name, subPath] of [['t'], ['d', 'a'], ['f', 'a/b'], ['g', 'c']] as const) {
    volume.publish(at(name), subPath && relativePath(subPath), []);
  }
  for (const path of ['t/a/b', 'd/b', 'f']) expect(statSync(at(path))).toMatchObject({ uid: 1234, gid: 4321 });
  for (const path of ['t', 't/a', 't/c', 'd', 'g']) expect(statSync(at(path))).toMatchObject({ uid: 0, gid: 2345 });
  publisher.removeAll();
  expect(listTree(world.targets)).toEqual([]);
});

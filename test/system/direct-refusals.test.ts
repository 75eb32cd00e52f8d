import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { isInMemory } from '../../src/mount/host-file-systems.ts';
import { listTree } from '../support/host/list-tree.ts';
import { isRoot, mayMount } from '../support/host/privileges.ts';
import { DirectScene, FILES } from '../support/mount/direct-scene.ts';

const disk = [tmpdir(), process.cwd()].find((path) => !isInMemory(path));

describe('a target that is refused stays as it was', () => {
  test.each([
    ['a relative path', 'invalid-argument', 'absolute', () => 'relative/t'],
    ['the run directory', 'failed-precondition', "daemon's own", (scene) => scene.directory.at('run/t')],
    ['no parent', 'failed-precondition', 'create it first', (scene) => scene.at('none/t')],
    [
      'a full directory',
      'failed-precondition',
      'not empty',
      (scene) => {
        scene.own(() => mkdirSync(scene.at('t')), 'targets/t');
        writeFileSync(scene.at('t/x'), 'kept');
        return scene.at('t');
      },
    ],
    [
      'a link to a directory',
      'failed-precondition',
      'symbolic link',
      (scene) => {
        mkdirSync(scene.at('d'));
        symlinkSync('d', scene.at('t'));
        return scene.at('t');
      },
    ],
    [
      'a link on the way',
      'failed-precondition',
      'symbolic link',
      (scene) => {
        mkdirSync(scene.at('d'));
        symlinkSync('d', scene.at('l'));
        return scene.at('l/t');
      },
    ],
    ['procfs', 'failed-precondition', '--allow-disk', () => `/proc/${process.pid}/t`],
  ] as readonly (readonly [string, string, string, (scene: DirectScene) => string])[])(
    '%s',
    async (_, code, text, arrange) => {
      await using scene = new DirectScene();
      const daemon = await scene.withVolume();
      const target = arrange(scene);
      const before = listTree(scene.at());
      expect(await daemon.ask('publish', 'v', { target })).toMatchObject({
        error: { code, message: expect.stringContaining(text) },
      });
      expect(listTree(scene.at())).toEqual(before);
      await daemon.do('remove', 'v');
      expect(listTree(scene.at())).toEqual(before);
    },
  );

  test.runIf(isRoot)('an empty directory of somebody else, though everybody may write to it', async () => {
    await using scene = new DirectScene();
    const daemon = await scene.withVolume();
    mkdirSync(scene.at('t'));
    chmodSync(scene.at('t'), 0o777);
    expect(await daemon.ask('publish', 'v', { target: scene.at('t') })).toMatchObject({
      error: { code: 'failed-precondition', message: expect.stringContaining('belongs to the user 0') },
    });
    expect(statSync(scene.at('t')).mode & 0o7777).toBe(0o777);
  });

  test('what another volume has, and what is inside of it', async () => {
    await using scene = new DirectScene();
    const daemon = await scene.withVolume();
    await daemon.do('publish', 'v', { target: scene.at('t') });
    await daemon.do('open', 'w');
    await daemon.do('write', 'w', { x: 'other' });
    const before = listTree(scene.at());
    for (const path of ['t', 't/x', '']) {
      const answer = await daemon.ask('publish', 'w', { target: scene.at(path) });
      expect(answer).toMatchObject({ error: { code: 'failed-precondition' } });
    }
    await daemon.do('remove', 'w');
    expect(listTree(scene.at())).toEqual(before);
  });

  test.runIf(disk)("a real disk, for a target as for the request's own data", async () => {
    await using scene = new DirectScene(disk);
    const daemon = await scene.withVolume();
    const refusal = { error: { code: 'failed-precondition', message: expect.stringContaining('--allow-disk') } };
    expect(await daemon.ask('publish', 'v', { target: scene.at('t') })).toMatchObject(refusal);
    const answer = await daemon.ask('saveInputs', 'v', { key: 's3cret' });
    expect(answer).toMatchObject(refusal);
    expect(JSON.stringify(answer)).not.toContain('s3cret');
    // An issued token is not written down there either, but it can be issued again.
    await daemon.do('saveIssued', 'v', 't0ken');
    expect(listTree(scene.directory.path).filter((path) => /inputs/.test(path))).toEqual([]);
    await daemon.do('saveInputs', 'v', null);

    await using allowing = new DirectScene(disk);
    const other = allowing.start('--allow-disk');
    await other.do('open', 'v');
    await other.do('saveInputs', 'v', { key: 's3cret' });
    await other.do('write', 'v', FILES);
    await other.do('publish', 'v', { target: allowing.at('t') });
    expect(readFileSync(allowing.at('t/a/b'), 'utf8')).toBe('one');
    await other.do('removeAll');
    expect(allowing.leftovers).toEqual([]);
  });
});

describe('what cannot be given without privileges', () => {
  test.each([
    ['a user', { text: 's3cret', user: 0 }, undefined],
    ['a group', { text: 's3cret', group: 0 }, undefined],
    ['a mount group', { text: 's3cret' }, 0],
  ])('%s: refused, already before there is a target, and the old contents stay', async (_, key, mountGroup) => {
    await using scene = new DirectScene();
    const daemon = await scene.withVolume();
    const refusal = { error: { code: 'failed-precondition', message: expect.stringContaining('CAP_CHOWN') } };
    expect(await daemon.ask('write', 'v', { key }, mountGroup)).toMatchObject(refusal);
    await daemon.do('publish', 'v', { target: scene.at('t') });
    const before = listTree(scene.at());
    expect(before).toContain('t/c');
    expect(await daemon.ask('write', 'v', { key }, mountGroup)).toMatchObject(refusal);
    expect(listTree(scene.at())).toEqual(before);
    expect(await daemon.do('write', 'v', FILES)).toMatchObject({ changed: false });
  });

  test('mount flags', async () => {
    await using scene = new DirectScene();
    const daemon = await scene.withVolume();
    expect(await daemon.ask('publish', 'v', { target: scene.at('t') }, ['noexec'])).toMatchObject({
      error: { code: 'failed-precondition', message: expect.stringContaining('noexec') },
    });
    expect(listTree(scene.at())).toEqual([]);
  });

  test('the own group as mount group is fine: directories are its, with setgid', async () => {
    await using scene = new DirectScene();
    const daemon = await scene.withVolume();
    const group = isRoot ? statSync(scene.at()).gid : process.getegid?.();
    await daemon.do('write', 'v', { 'a/b': { text: 'one', mode: 0o440 }, c: { text: 'two', mode: 0o440 } }, group);
    for (const [name, subPath] of [
      ['t', undefined],
      ['d', 'a'],
      ['f', 'c'],
    ] as const) {
      await daemon.do('publish', 'v', { target: scene.at(name), subPath });
    }
    for (const [path, mode] of [
      ['t', 0o2755],
      ['t/a', 0o2755],
      ['t/a/b', 0o440],
      ['d', 0o2755],
      ['d/b', 0o440],
      ['f', 0o440],
    ] as const) {
      const { gid, mode: found } = statSync(scene.at(path));
      expect({ path, gid, mode: found & 0o7777 }).toEqual({ path, gid: group, mode });
    }
  });
});

describe.runIf(mayMount)('what takes mounts to arrange', () => {
  test('invariant 7: no room, the old contents stay whole in every target, and it succeeds once there is room', async () => {
    await using scene = new DirectScene();
    mkdirSync(scene.at('small'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=1777', 'lantern-test', scene.at('small')]);
    try {
      const daemon = await scene.withVolume();
      for (const target of [scene.at('small/t'), scene.at('t')]) await daemon.do('publish', 'v', { target });
      const large = { 'a/b': 'x'.repeat(100_000), c: 'four' };
      expect(await daemon.ask('write', 'v', large)).toMatchObject({ error: { code: 'resource-exhausted' } });
      expect(readFileSync(scene.at('small/t/a/b'), 'utf8')).toBe('one');
      expect(listTree(scene.at('small/t')).filter((path) => /^\.\.\d+[^/]*$/.test(path))).toHaveLength(1);
      // What one target has no room for is refused there as a first publication, too.
      expect(await daemon.do('write', 'v', FILES)).toMatchObject({ changed: true });
      expect(readFileSync(scene.at('t/a/b'), 'utf8')).toBe('one');
      execFileSync('mount', ['-o', 'remount,size=1m', scene.at('small')]);
      expect(await daemon.do('write', 'v', large)).toMatchObject({ changed: true });
      expect(statSync(scene.at('small/t/a/b')).size).toBe(100_000);
      await daemon.do('removeAll');
      expect(listTree(scene.at('small'))).toEqual([]);
    } finally {
      execFileSync('umount', ['--lazy', scene.at('small')]);
    }
  });

  test('a failed first publication leaves the target as it was', async () => {
    await using scene = new DirectScene();
    mkdirSync(scene.at('small'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=1777', 'lantern-test', scene.at('small')]);
    try {
      const daemon = await scene.withVolume({ 'a/b': 'x'.repeat(100_000), c: 'y'.repeat(100_000) });
      for (const subPath of [undefined, 'a', 'c']) {
        const answer = await daemon.ask('publish', 'v', { target: scene.at('small/t'), subPath });
        expect(answer).toMatchObject({ error: { code: 'resource-exhausted' } });
        expect(listTree(scene.at('small'))).toEqual([]);
      }
      await daemon.do('remove', 'v');
      expect(scene.leftovers).toEqual(['small']);
    } finally {
      execFileSync('umount', ['--lazy', scene.at('small')]);
    }
  });

  test('what somebody mounted inside a target is neither entered nor removed', async () => {
    await using scene = new DirectScene();
    const daemon = await scene.withVolume();
    await daemon.do('publish', 'v', { target: scene.at('t') });
    mkdirSync(scene.directory.at('precious'));
    chmodSync(scene.directory.at('precious'), 0o777);
    writeFileSync(scene.directory.at('precious/b'), 'kept');
    const covered = `${scene.at('t')}/${await daemon.do('generation', 'v')}/a`;
    execFileSync('mount', ['--bind', scene.directory.at('precious'), covered]);
    try {
      await daemon.do('unpublish', 'v', scene.at('t'));
      expect(readFileSync(scene.directory.at('precious/b'), 'utf8')).toBe('kept');
    } finally {
      execFileSync('umount', ['--lazy', covered]);
    }
  });
});

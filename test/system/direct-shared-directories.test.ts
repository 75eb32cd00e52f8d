import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LanternError } from '../../src/base/errors.ts';
import type { RelativePath } from '../../src/spec/relative-path.ts';
import { listTree } from '../support/host/list-tree.ts';
import { isRoot } from '../support/host/privileges.ts';
import { DirectWorld } from '../support/mount/direct-world.ts';
import { relativePath } from '../support/objects/builders.ts';
import { compiled } from '../support/suite/compiled.ts';
import { payloadOf, recordOf, volumeId } from '../support/volume/volume-content.ts';

const OTHER = 1234;
const FILES = payloadOf({ 'a/b': { text: 's3cret', mode: 0o400 }, c: { text: 's3cret', mode: 0o400 } });
const ID = volumeId('v');

/** A publisher on a directory of another user's. */
class SharedWorld extends DirectWorld {
  constructor() {
    super({ inSharedDirectories: true });
    mkdirSync(join(this.targets, 'theirs'));
    chownSync(join(this.targets, 'theirs'), OTHER, OTHER);
  }

  at(...path: readonly string[]): string {
    return join(this.targets, 'theirs', ...path);
  }

  published(name: string, subPath?: RelativePath) {
    const publisher = this.start();
    publisher.resume();
    const volume = publisher.open(ID, 'default');
    volume.write(FILES);
    volume.saveRecord(recordOf(ID, [{ target: this.at(name), subPath }]));
    volume.publish(this.at(name), subPath, []);
    return volume;
  }
}

describe.runIf(isRoot)('a target in a directory of another user (needs root)', () => {
  test.each(['directory', 'file'] as const)(
    'a %s that is exchanged while it is published: nothing is written to what took its place',
    async (kind) => {
      using world = new SharedWorld();
      for (const path of [join(world.targets, '..'), world.targets]) chmodSync(path, 0o755);
      const publisher = world.start();
      publisher.resume();
      const volume = publisher.open(ID, 'default');
      volume.write(FILES);
      const subPath = kind === 'file' ? relativePath('c') : undefined;
      const program = compiled('test/support/mount/exchanger-child.ts');
      const child = spawn(process.execPath, [program, String(OTHER), world.at(), kind], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        let said = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
        await once(child.stdout, 'data');
        for (let until = Date.now() + 10_000; said.split('exchanged').length <= 50 && Date.now() < until; ) {
          await publishOnce(() => volume.publish(world.at('t'), subPath, []));
          for (const name of readdirSync(world.at())) expectUntouched(world.at(name));
          await volume.unpublish(world.at('t'));
          for (const name of readdirSync(world.at())) rmSync(world.at(name), { recursive: true, force: true });
          await new Promise(setImmediate);
        }
        expect(said).toContain('exchanged');
      } finally {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    },
  );

  async function publishOnce(publish: () => unknown): Promise<void> {
    try {
      await publish();
    } catch (error) {
      if (!(error instanceof LanternError) || error.code === 'internal') throw error;
    }
  }

  /** What is the other user's has nothing of ours in it. */
  function expectUntouched(path: string): void {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.uid !== OTHER) return;
    if (stats.isFile()) expect(stats.size).toBe(0);
    if (stats.isDirectory()) expect(readdirSync(path)).toEqual([]);
  }

  test('a file that was moved is empty when it is unpublished, as a directory is', async () => {
    using world = new SharedWorld();
    const volume = world.published('f', relativePath('c'));
    await volume.publish(world.at('d'), undefined, []);
    for (const name of ['f', 'd']) renameSync(world.at(name), world.at(`moved-${name}`));
    for (const name of ['f', 'd']) await volume.unpublish(world.at(name));
    expect(readFileSync(world.at('moved-f'), 'utf8')).toBe('');
    expect(listTree(world.at('moved-d'))).toEqual([]);
  });

  test('what an earlier daemon rendered in a directory of another user is removed, not taken over', () => {
    using world = new SharedWorld();
    world.published('t');
    chownSync(world.at('t'), OTHER, OTHER);
    expect(world.start().resume()).toEqual([]);
    expect(listTree(world.at())).toEqual([]);
  });

  test('`..data` that leads elsewhere is not what was published: it is rendered anew', async () => {
    using world = new SharedWorld();
    const volume = world.published('t');
    mkdirSync(world.at('elsewhere'));
    writeFileSync(world.at('elsewhere/c'), 'theirs');
    rmSync(world.at('t/..data'));
    symlinkSync('../elsewhere', world.at('t/..data'));
    expect(volume.isPublished(world.at('t'))).toBe(false);
    await volume.publish(world.at('t'), undefined, []);
    expect(readFileSync(world.at('t/c'), 'utf8')).toBe('s3cret');
    await volume.unpublish(world.at('t'));
    expect(listTree(world.at())).toEqual(['elsewhere', 'elsewhere/c']);
  });
});

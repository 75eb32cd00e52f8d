import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MountTables } from '../../src/mount/mount-tables.ts';
import { MountFixture } from '../support/host/mounts.ts';
import { mayMount } from '../support/host/privileges.ts';
import { Shell } from '../support/host/process.ts';

/** `db` and `other` are directories of one tmpfs, bound at `at/db` and `at/other`. */
describe.runIf(mayMount)('mounts in all namespaces (needs root)', () => {
  let fixture: MountFixture;
  let container: Shell;

  beforeEach(() => {
    fixture = new MountFixture();
    for (const name of ['db', 'other']) {
      for (const path of [`pool/${name}/..data`, `at/${name}`, `in/${name}`]) {
        mkdirSync(fixture.at(path), { recursive: true });
      }
      execFileSync('mount', ['--bind', fixture.at('pool', name), fixture.at('at', name)]);
    }
    container = new Shell('unshare', '--mount', '--propagation', 'slave');
  });

  afterEach(async () => {
    await container[Symbol.asyncDispose]();
    fixture[Symbol.dispose]();
  });

  const elsewhere = async (name: string) => (await MountTables.read()).isElsewhere(fixture.at('at', name));
  const inContainer = (command: string) => container.run(`${command} >&2; echo $?`);

  test('a copy of the whole tree in another namespace is no use', async () => {
    expect(await inContainer(`grep -q ${fixture.at('at/db')} /proc/self/mountinfo`)).toBe('0');
    expect(await elsewhere('db')).toBe(false);
  });

  test.each([
    ['a bind of it', 'at/db'],
    ['a bind of a part of it', 'at/db/..data'],
  ])('%s in a container is one, until it is gone', async (_name, source) => {
    expect(await inContainer(`mount --bind ${fixture.at(source)} ${fixture.at('in/db')}`)).toBe('0');
    expect(await elsewhere('db')).toBe(true);
    expect(await elsewhere('other')).toBe(false);
    expect(await inContainer(`umount ${fixture.at('in/db')}`)).toBe('0');
    expect(await elsewhere('db')).toBe(false);
  });

  test('a bind in this namespace is one', async () => {
    execFileSync('mount', ['--bind', fixture.at('at/db'), fixture.at('in/db')]);
    expect(await elsewhere('db')).toBe(true);
  });

  test('a bind of a plain directory is one, as with the direct publisher', async () => {
    mkdirSync(fixture.at('plain'));
    mkdirSync(fixture.at('target'));
    const isUsed = async () => (await MountTables.read()).isElsewhere(fixture.at('plain'));
    expect(await isUsed()).toBe(false);
    expect(await inContainer(`mount --bind ${fixture.at('plain')} ${fixture.at('target')}`)).toBe('0');
    expect(await isUsed()).toBe(true);
  });
});

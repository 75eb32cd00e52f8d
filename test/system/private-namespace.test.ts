import { mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { PrivateNamespace } from '../../src/cli/exec/private-namespace.ts';
import { mayMount } from '../support/host/privileges.ts';
import { openDescriptors } from '../support/host/process.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

class Scene extends TempDir {
  readonly source = this.at('source');
  readonly stage = this.at('stage');

  constructor() {
    super('/dev/shm');
    for (const path of [this.source, this.stage, this.at('host')]) mkdirSync(path);
    writeFileSync(this.at('source/file'), 'contents');
    writeFileSync(this.at('host/kept'), 'kept');
    symlinkSync('host', this.at('link'));
    symlinkSync('nowhere', this.at('dangling'));
  }

  /** Where this thread is, what it has open, and what is mounted in here. */
  state() {
    return [
      readlinkSync('/proc/thread-self/ns/mnt'),
      readlinkSync('/proc/thread-self/root'),
      readlinkSync('/proc/thread-self/cwd'),
      openDescriptors(),
      ...readFileSync('/proc/thread-self/mountinfo', 'utf8')
        .split('\n')
        .filter((line) => line.includes(this.path)),
    ];
  }

  mounts(...paths: readonly string[]) {
    return paths.map((path) => ({ source: this.source, mountPath: this.at(path) }));
  }
}

describe.runIf(mayMount)('a mount namespace of its own (needs root)', () => {
  test('is entered and left: namespace, root, directory, mounts and descriptors are as before', () => {
    using scene = new Scene();
    const before = scene.state();
    const mounts = [
      ...scene.mounts('host/missing/deep', 'link/other'),
      { source: scene.source, mountPath: '/no-such' },
    ];
    {
      using _namespace = PrivateNamespace.enter(mounts, scene.stage);
      expect(scene.state()[0]).not.toBe(before[0]);
      expect(process.cwd()).toBe(before[2]);
      expect(readFileSync(scene.at('host/missing/deep/file'), 'utf8')).toBe('contents');
      expect(readFileSync(scene.at('host/other/file'), 'utf8')).toBe('contents');
      expect(readFileSync('/no-such/file', 'utf8')).toBe('contents');
      expect(readFileSync(scene.at('host/kept'), 'utf8')).toBe('kept');
      expect(() => writeFileSync(scene.at('host/missing/deep/new'), '')).toThrow('EROFS');
      writeFileSync(scene.at('host/kept'), 'changed');
    }
    expect(scene.state()).toEqual(before);
    expect(readFileSync(scene.at('host/kept'), 'utf8')).toBe('changed');
    expect(() => readFileSync(scene.at('host/missing/deep/file'))).toThrow('ENOENT');
  });

  test.each([
    ['a link to nowhere', ['dangling/x']],
    ['a file on the way', ['host/kept/x']],
    ['a file in the place of a directory', ['host/kept']],
    ['a name that another volume has not', ['host/a', 'host/a/b']],
  ])('%s is refused, and the thread is where it was', (_name, paths) => {
    using scene = new Scene();
    const before = scene.state();
    expect(() => PrivateNamespace.enter(scene.mounts(...paths), scene.stage)).toThrow(/^mount a volume at "/);
    expect(scene.state()).toEqual(before);
  });

  test('a directory inside another volume can be a mountPath', () => {
    using scene = new Scene();
    mkdirSync(scene.at('source/inner'));
    using _namespace = PrivateNamespace.enter(scene.mounts('host/a', 'host/a/inner'), scene.stage);
    expect(readFileSync(scene.at('host/a/inner/file'), 'utf8')).toBe('contents');
  });
});

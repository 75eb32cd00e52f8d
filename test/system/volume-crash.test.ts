import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { expect, test } from 'vitest';
import type { Payload } from '../../src/payload/payload.ts';
import { nodeFileSystem } from '../../src/volume/file-system.ts';
import { VolumeWriter } from '../../src/volume/volume-writer.ts';
import { ManualClock } from '../support/suite/clocks.ts';
import { compiled } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';
import { versionedPayload, versionOf } from '../support/volume/versioned-payload.ts';
import { viewOf, viewThroughData, viewThroughNames } from '../support/volume/volume-content.ts';

const KILLS = 20;

test('invariant 3: a writer killed at any moment leaves a complete set, and the next one finishes the job', async () => {
  const program = compiled('test/support/volume/writer-child.ts');
  using place = new TempDir('/dev/shm');
  write(place.path, versionedPayload(0));
  let leftovers = 0;
  let version = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    await killWriter(program, place.path, version + 1, kill);

    version = shownVersion(place.path);
    expect(viewThroughData(nodeFileSystem, place.path)).toEqual(
      viewOf(versionedPayload(version), nodeFileSystem.owner),
    );
    leftovers += unexpectedNames(place.path).length;

    const next = versionedPayload(++version, [`only-${kill}`]);
    write(place.path, next);
    const expected = viewOf(next, nodeFileSystem.owner);
    expect(viewThroughData(nodeFileSystem, place.path)).toEqual(expected);
    expect(viewThroughNames(nodeFileSystem, place.path)).toEqual({ view: expected, dangling: [] });
    expect(unexpectedNames(place.path)).toEqual([]);
  }
  // Otherwise the kills met no write half-done, and the above says nothing.
  expect(leftovers).toBeGreaterThan(0);
});

/** As a new process would; what was replaced is removed at once. */
function write(directory: string, payload: Payload): void {
  using writer = new VolumeWriter({ fs: nodeFileSystem, directory, clock: new ManualClock() });
  writer.write(payload);
}

/** Starts a writer in the directory, lets it write a number of entries that differs from time to time, and kills it. */
async function killWriter(program: string, directory: string, firstVersion: number, seed: number): Promise<void> {
  const child = spawn(process.execPath, [program, directory, String(firstVersion)], { stdio: 'inherit' });
  let remaining = 1 + ((seed * 37) % 100);
  const watcher = watch(directory, () => {
    if (--remaining === 0) child.kill('SIGKILL');
  });
  const [, signal] = await once(child, 'exit');
  watcher.close();
  expect(signal).toBe('SIGKILL');
}

function shownVersion(directory: string): number {
  const shown = versionOf(Buffer.from(nodeFileSystem.readFile(`${directory}/..data/a`)).toString());
  return shown ?? expect.fail('the file "a" is of no version');
}

/** Names that start with dots and are neither `..data` nor what it leads to. */
function unexpectedNames(directory: string): readonly string[] {
  const current = nodeFileSystem.readlink(`${directory}/..data`);
  const names = nodeFileSystem.readdir(directory).map(({ name }) => name);
  return names.filter((name) => name.startsWith('..') && name !== '..data' && name !== current);
}

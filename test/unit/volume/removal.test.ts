import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { finish } from '../../../src/base/steps.ts';
import { nodeFileSystem, type VolumeFs } from '../../../src/volume/file-system.ts';
import { VolumeHome } from '../../../src/volume/volume-home.ts';
import { VolumeWriter } from '../../../src/volume/volume-writer.ts';
import { ManualClock } from '../../support/suite/clocks.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';
import { payloadOf, recordOf, volumeId } from '../../support/volume/volume-content.ts';

/** A written volume with its record and inputs, and what is called on the file system from `calls.length = 0` on. */
function arrange() {
  const dir = new TempDir();
  const calls: string[] = [];
  const fs: VolumeFs = {
    ...nodeFileSystem,
    readdir(path) {
      calls.push(`readdir ${path}`);
      return nodeFileSystem.readdir(path);
    },
    unlink(path) {
      calls.push(`unlink ${path}`);
      nodeFileSystem.unlink(path);
    },
  };
  const directory = dir.at('home');
  const home = new VolumeHome({ fs, directory });
  home.create();
  const writer = new VolumeWriter({ fs, clock: new ManualClock(), directory: home.dataDirectory });
  writer.write(payloadOf({ a: '1', 'd/b': '2', 'd/e/c': '3', 'f/g': '4' }));
  home.saveRecord(recordOf(volumeId('db'), []));
  home.saveInputs({ data: new Map([['token', Buffer.from('secret')]]), tokens: new Map(), issued: new Map() });
  return { dir, directory, data: home.dataDirectory, fs, home, writer, calls };
}

describe('removing a volume', () => {
  test('reads nothing that is known, and starts with the record', () => {
    const { dir, directory, home, writer, calls } = arrange();
    using _ = dir;
    calls.length = 0;
    finish(home.removing(writer.tryRemoving()));
    expect(existsSync(directory)).toBe(false);
    expect(calls.filter((call) => call.startsWith('readdir'))).toEqual([]);
    expect(calls[0]).toBe(`unlink ${directory}/record.json`);
  });

  type World = ReturnType<typeof arrange>;
  const unknown: [string, (world: World) => VolumeWriter][] = [
    ['the data was never read', ({ fs, data }) => new VolumeWriter({ fs, clock: new ManualClock(), directory: data })],
    [
      'somebody else put something beside the data',
      ({ directory, writer }) => {
        writeFileSync(`${directory}/stranger`, '');
        return writer;
      },
    ],
    [
      'there is more in the data than is known',
      ({ data, writer }) => {
        mkdirSync(`${data}/stranger/below`, { recursive: true });
        writeFileSync(`${data}/${writer.generation}/d/stranger`, '');
        return writer;
      },
    ],
    [
      'something known is gone',
      ({ data, fs, writer }) => {
        fs.unlink(`${data}/..data`);
        return writer;
      },
    ],
    [
      'a generation is kept for a sub path',
      ({ writer }) => {
        writer.pin(writer.generation ?? '');
        writer.write(payloadOf({ a: '2' }));
        return writer;
      },
    ],
  ];
  test.each(unknown)('removes all of it where %s', (_where, spoil) => {
    const world = arrange();
    using _ = world.dir;
    const writer = spoil(world);
    finish(world.home.removing(writer.tryRemoving()));
    expect(readdirSync(world.dir.path)).toEqual([]);
  });
});

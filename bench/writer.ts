import * as fs from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp';
import { systemClock } from '../src/base/clock.ts';
import { finish } from '../src/base/steps.ts';
import { hostFileSystem } from '../src/mount/detect/detect-publisher.ts';
import { descriptorFileSystem } from '../src/mount/direct/descriptor-file-system.ts';
import { buildPayload, type Payload } from '../src/payload/payload.ts';
import type { RelativePath } from '../src/spec/relative-path.ts';
import { nodeFileSystem, type VolumeFs } from '../src/volume/file-system.ts';
import { VolumeWriter } from '../src/volume/volume-writer.ts';
import { bareWrite, NAMES } from './bare-calls.ts';
import { type Figure, figure, inTurns, isQuick, ratioFigure } from './measure.ts';
import { secretValue } from './secret.ts';

/** The atomic writer against the system calls it cannot do without, issued bare. */
export async function benchWriter(): Promise<Figure[]> {
  const template = 'lantern-bench-XXXXXX';
  const { name: top, removeCallback } = dirSync({ tmpdir: '/dev/shm', template, unsafeCleanup: true });
  const made = (name: string) => {
    fs.mkdirSync(join(top, name));
    return join(top, name);
  };
  const writerOf = (name: string, fileSystem: (directory: string) => VolumeFs) => {
    const directory = made(name);
    return new VolumeWriter({ fs: fileSystem(directory), directory, clock: systemClock });
  };
  try {
    using writer = writerOf('pool', () => nodeFileSystem);
    using looked = writerOf('watched', () => hostFileSystem);
    let opened = -1;
    using direct = writerOf('direct', (directory) => {
      opened = fs.openSync(directory, fs.constants.O_DIRECTORY);
      return descriptorFileSystem(() => opened, directory);
    });
    const bare = made('bare');
    const unchanged = payload(-1);
    let turn = 0;
    looked.write(unchanged);
    const rewrite = (into: VolumeWriter) => () => {
      into.write(payload(turn++));
      into.retireNow();
    };
    const { pool, below, calls, same, look } = await inTurns(isQuick ? 5 : 40, 200, {
      pool: rewrite(writer),
      below: rewrite(direct),
      calls: () => {
        const version = turn++;
        bareWrite(bare, `..g${version}`, (name) => secretValue(name, `${version}`));
      },
      same: () => {
        writer.write(unchanged);
      },
      look: () => {
        finish(looked.looking());
      },
    });
    fs.closeSync(opened);
    return [
      ratioFigure('8  changed write of 3 files / bare system calls, in a pool', pool, calls, 1.2),
      ratioFigure('8  ..., below a descriptor', below, calls, 1.2),
      figure('   unchanged write / changed write', (same / pool) * 100, '%', 2, ` (${same.toFixed(2)} µs)`),
      figure('   look at 3 files that nobody touched', look, 'µs', 20),
    ];
  } finally {
    removeCallback();
  }
}

function payload(version: number): Payload {
  const file = (name: string) => {
    const bytes = secretValue(name, `${version}`);
    return [name as RelativePath, { bytes, mode: 0o640, user: undefined, group: undefined }] as const;
  };
  return buildPayload(new Map(NAMES.map(file)), undefined);
}

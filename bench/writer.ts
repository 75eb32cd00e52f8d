import * as fs from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp';
import { systemClock } from '../src/base/clock.ts';
import { finish } from '../src/base/steps.ts';
import { hostFileSystem } from '../src/mount/detect/detect-publisher.ts';
import { buildPayload, type Payload } from '../src/payload/payload.ts';
import type { RelativePath } from '../src/spec/relative-path.ts';
import { nodeFileSystem } from '../src/volume/file-system.ts';
import { VolumeWriter } from '../src/volume/volume-writer.ts';
import { bareWrite, NAMES } from './bare-calls.ts';
import { type Figure, inTurns, isQuick } from './measure.ts';

/** The atomic writer against the system calls it cannot do without, issued bare. */
export async function benchWriter(): Promise<Figure[]> {
  const template = 'lantern-bench-XXXXXX';
  const { name: top, removeCallback } = dirSync({ tmpdir: '/dev/shm', template, unsafeCleanup: true });
  try {
    const directory = join(top, 'volume');
    fs.mkdirSync(directory);
    using writer = new VolumeWriter({ fs: nodeFileSystem, directory, clock: systemClock });
    const bare = join(top, 'bare');
    fs.mkdirSync(bare);
    let turn = 0;
    const unchanged = payload(-1);
    const watched = join(top, 'watched');
    fs.mkdirSync(watched);
    using looked = new VolumeWriter({ fs: hostFileSystem, directory: watched, clock: systemClock });
    looked.write(unchanged);
    const { changed, same, calls, look } = await inTurns(isQuick ? 5 : 40, 200, {
      changed: () => {
        writer.write(payload(turn++));
        writer.retireNow();
      },
      calls: () => {
        const version = turn++;
        bareWrite(bare, `..g${version}`, (name) => Buffer.from(`${name} ${version}`));
      },
      same: () => {
        writer.write(unchanged);
      },
      look: () => {
        finish(looked.looking());
      },
    });
    return [
      {
        what: 'changed write of 3 files / bare system calls',
        value: `${(changed / calls).toFixed(2)} (${changed.toFixed(0)} µs / ${calls.toFixed(0)} µs)`,
        aim: '<= 1.5',
        met: changed / calls <= 1.5,
      },
      {
        what: 'unchanged write / changed write',
        value: `${((same / changed) * 100).toFixed(2)} % (${same.toFixed(2)} µs)`,
        aim: '<= 2 %',
        met: same / changed <= 0.02,
      },
      {
        what: 'look at 3 files that nobody touched / changed write',
        value: `${((look / changed) * 100).toFixed(0)} % (${look.toFixed(1)} µs)`,
        aim: '<= 20 µs',
        met: look <= 20,
      },
    ];
  } finally {
    removeCallback();
  }
}

function payload(version: number): Payload {
  const file = (name: string) => {
    const bytes = Buffer.from(`${name} ${version}`);
    return [name as RelativePath, { bytes, mode: 0o640, user: undefined, group: undefined }] as const;
  };
  return buildPayload(new Map(NAMES.map(file)), undefined);
}

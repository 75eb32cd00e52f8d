import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { nodeFileSystem } from '../../src/volume/file-system.ts';
import { VolumeWriter } from '../../src/volume/volume-writer.ts';
import { compiled } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';
import type { ReaderReport } from '../support/volume/reader-child.ts';
import { versionedPayload } from '../support/volume/versioned-payload.ts';

// Longer than a generation is kept, so that removals happen while readers are at it.
const DURATION_MS = 4_000;

test('readers in another process meet no torn set and no missing file while a writer swaps thousands of times', async () => {
  const program = compiled('test/support/volume/reader-child.ts');
  using place = new TempDir('/dev/shm');
  using writer = new VolumeWriter({ fs: nodeFileSystem, directory: place.path, clock: systemClock });
  writer.write(versionedPayload(0));
  const reader = spawn(process.execPath, [program, place.path], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const lines = createInterface({ input: reader.stdout })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('reading');
    let swaps = 0;
    for (const start = performance.now(); performance.now() - start < DURATION_MS; swaps++) {
      writer.write(versionedPayload(swaps + 1));
      // Timers retire what was replaced.
      await setImmediate();
    }
    reader.stdin.end();
    const report = JSON.parse(String((await lines.next()).value)) as ReaderReport;
    expect(report.complaints).toEqual([]);
    expect(swaps).toBeGreaterThan(1000);
    expect(report.reads).toBeGreaterThan(1000);
    expect(report.versions).toBeGreaterThan(20);
    const generations = nodeFileSystem.readdir(place.path).filter(({ type }) => type === 'directory');
    expect(generations.length).toBeLessThan(swaps);
  } finally {
    reader.kill('SIGKILL');
  }
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildPayload, type Payload, type PayloadFile } from '../../../src/payload/payload.ts';
import { parentsOf, type RelativePath } from '../../../src/spec/relative-path.ts';
import { nodeFileSystem, type VolumeFs } from '../../../src/volume/file-system.ts';
import { createMemoryFileSystem } from '../../../src/volume/memory-file-system.ts';
import { VolumeWriter } from '../../../src/volume/volume-writer.ts';
import { ManualClock } from '../../support/suite/clocks.ts';
import { lanternErrorOf } from '../../support/suite/expectations.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';
import { Crash, CrashingFileSystem } from '../../support/volume/crashing-file-system.ts';
import { viewOf, viewThroughData, viewThroughNames } from '../../support/volume/volume-content.ts';

// Few names, so that files turn into directories and back, and payloads share paths.
const element = fc.constantFrom('a', 'b', '.dot', 'ä', 'b-c', 'x'.repeat(255));
const path = fc.array(element, { minLength: 1, maxLength: 3 }).map((elements) => elements.join('/'));
const id = fc.option(fc.constantFrom(0, 1000, 2000), { nil: undefined });
const file: fc.Arbitrary<PayloadFile> = fc.record({
  bytes: fc.uint8Array({ maxLength: 5 }),
  mode: fc.constantFrom(0o400, 0o644, 0o777, 0),
  user: id,
  group: id,
});
const payload = fc
  .tuple(
    fc.dictionary(path, file, { maxKeys: 6, noNullPrototype: true }),
    fc.option(fc.constant(4321), { nil: undefined }),
  )
  .map(([files, mountGroup]) => buildPayload(withoutConflicts(files), mountGroup));

/** Of a file and one below it, the one that is seen first stays. */
function withoutConflicts(files: Readonly<Record<string, PayloadFile>>): Map<RelativePath, PayloadFile> {
  const kept = new Map<RelativePath, PayloadFile>();
  for (const [name, value] of Object.entries(files)) {
    const isBelow = [...parentsOf(name)].some((parent) => kept.has(parent as RelativePath));
    const isAbove = [...kept.keys()].some((other) => other.startsWith(`${name}/`));
    if (!isBelow && !isAbove) kept.set(name as RelativePath, value);
  }
  return kept;
}

/** A write, by the same process or a new one, that may be cut short after some calls. */
const step = fc.record({
  payload,
  isRestarted: fc.boolean(),
  dieAfter: fc.option(fc.nat(30), { nil: undefined, freq: 2 }),
});

function expectShown(fs: VolumeFs, directory: string, shown: Payload): void {
  const expected = viewOf(shown, fs.owner);
  expect(viewThroughData(fs, directory)).toEqual(expected);
  expect(viewThroughNames(fs, directory)).toEqual({ view: expected, dangling: [] });
}

describe('any sequence of payloads', () => {
  test('in memory, with processes dying at any call: the tree ends as the last payload says, and holds nothing else', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), payload, (steps, last) => {
        const memory = createMemoryFileSystem();
        memory.mkdir('/v', 0o755);
        const open = (fs: VolumeFs) => new VolumeWriter({ fs, directory: '/v', clock: new ManualClock() });
        let writer = open(memory);
        for (const { payload: next, isRestarted, dieAfter } of steps) {
          if (dieAfter !== undefined) {
            const before = viewThroughData(memory, '/v');
            try {
              open(new CrashingFileSystem(memory, { dieAfter }).fs).write(next);
            } catch (error) {
              expect(error).toBeInstanceOf(Crash);
            }
            expect([before, viewOf(next, memory.owner)]).toContainEqual(viewThroughData(memory, '/v'));
          }
          if (isRestarted || dieAfter !== undefined) writer = open(memory);
          const { changed } = writer.write(next);
          expectShown(memory, '/v', next);
          expect(writer.files().map((entry) => entry.path)).toEqual([...next.files.keys()]);
          if (changed) expect(writer.write(next).changed).toBe(false);
        }
        using finisher = open(memory);
        finisher.write(last);
        finisher[Symbol.dispose]();
        expectShown(memory, '/v', last);
        const names = memory.readdir('/v').filter(({ name }) => name.startsWith('..'));
        expect(names.map(({ name }) => name).sort()).toEqual(['..data', finisher.generation].sort());
      }),
      { numRuns: 150 },
    );
  });

  test.skipIf(process.getuid?.() !== 0)('on tmpfs: the same, as the kernel sees it', () => {
    using place = new TempDir('/dev/shm');
    fc.assert(
      fc.property(fc.array(fc.tuple(payload, fc.boolean()), { minLength: 1, maxLength: 5 }), (steps) => {
        // The directory goes on from run to run: one more previous state each.
        const open = () => new VolumeWriter({ fs: nodeFileSystem, directory: place.path, clock: new ManualClock() });
        let writer = open();
        for (const [next, isRestarted] of steps) {
          if (isRestarted) writer = open();
          writer.write(next);
          expectShown(nodeFileSystem, place.path, next);
        }
        expect(open().write(steps.at(-1)?.[0] ?? expect.fail()).changed).toBe(false);
      }),
      { numRuns: 100 },
    );
  });
});

test('every hostile path is refused, whatever else is in the payload, and nothing is touched', () => {
  const hostile = fc.oneof(
    path.map((inner) => `/${inner}`),
    path.map((inner) => `..${inner}`),
    fc.tuple(path, path).map(([before, after]) => `${before}/../${after}`),
    path.map((inner) => `${inner}/..`),
    path.map((inner) => `./${inner}`),
    path.map((inner) => `${inner}/`),
    path.map((inner) => `${inner}/./x`),
    path.map((inner) => `${inner}//x`),
    path.map((inner) => `${inner}\0`),
    path.map((inner) => `${inner}/${'x'.repeat(256)}`),
  );
  fc.assert(
    fc.property(payload, hostile, file, (good, bad, value) => {
      const counting = new CrashingFileSystem(createMemoryFileSystem());
      counting.fs.mkdir('/v', 0o755);
      const writer = new VolumeWriter({ fs: counting.fs, directory: '/v', clock: new ManualClock() });
      writer.write(good);
      const calls = counting.calls.length;
      const files = new Map(good.files).set(bad as RelativePath, value);
      expect(lanternErrorOf(() => writer.write({ ...good, files })).code).toBe('invalid-argument');
      expect(counting.calls).toHaveLength(calls);
    }),
  );
});

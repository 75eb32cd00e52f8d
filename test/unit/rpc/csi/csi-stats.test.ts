import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VolumeStatus } from '../../../../src/projection/projector.ts';
import { volumeConditionOf, volumeUsagesOf } from '../../../../src/rpc/csi/node-service.ts';

function conditionOf(state: VolumeStatus['state'], lastError: string | undefined) {
  return volumeConditionOf({
    volumeId: 'v',
    namespace: 'default',
    state,
    lastError,
    problemSince: undefined,
    updatedAt: undefined,
    staleSince: undefined,
    generation: undefined,
    definition: undefined,
    files: [],
    publications: [],
    objects: [],
    mountGroup: undefined,
    pod: undefined,
    podVolume: undefined,
  });
}

describe('the condition of a volume', () => {
  it.each<[VolumeStatus['state'], string | undefined, boolean, string]>([
    ['ready', undefined, false, 'ready: the contents are up to date'],
    ['stale', 'secret "db" does not exist', true, 'stale: secret "db" does not exist'],
    ['degraded', undefined, true, 'degraded'],
    ['degraded', '', true, 'degraded'],
  ])('%s with error %j is abnormal: %s', (state, lastError, abnormal, message) => {
    expect(conditionOf(state, lastError)).toEqual({ abnormal, message });
  });

  it('fits into 128 bytes, cut between characters, as much as there is room for', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }), (error) => {
        const whole = `stale: ${error}`;
        const message = conditionOf('stale', error).message ?? '';
        expect(Buffer.byteLength(message)).toBeLessThanOrEqual(128);
        if (Buffer.byteLength(whole) <= 128) {
          expect(message).toBe(whole);
          return;
        }
        expect(message.endsWith('…')).toBe(true);
        expect(whole.startsWith(message.slice(0, -1))).toBe(true);
        expect(Buffer.byteLength(message)).toBeGreaterThan(128 - 4);
      }),
    );
  });
});

describe('usage', () => {
  it('is bytes and inodes, with nothing less than nothing available', () => {
    expect(volumeUsagesOf({ totalBytes: 100, usedBytes: 30, totalInodes: 5, usedInodes: 7 })).toEqual([
      { unit: 'BYTES', total: 100, used: 30, available: 70 },
      { unit: 'INODES', total: 5, used: 7, available: 0 },
    ]);
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { podVolumeId, podVolumePrefix } from '../../../../src/projection/pods/pod-volumes.ts';

const label = (most: number) => fc.stringMatching(new RegExp(`^[a-z]([-a-z0-9]{0,${most - 2}}[a-z0-9])?$`));
const place = fc.record({ namespace: label(63), name: label(253), root: fc.string(), volume: label(63) });

const idOf = ({ namespace, name, root, volume }: { namespace: string; name: string; root: string; volume: string }) =>
  podVolumeId({ namespace, name }, root, volume);

test('an id is short, the same every time, and found by its prefix', () => {
  fc.assert(
    fc.property(place, (one) => {
      const id = idOf(one);
      expect(Buffer.byteLength(id)).toBeLessThanOrEqual(128);
      expect(idOf({ ...one })).toBe(id);
      expect(id.startsWith(podVolumePrefix(one))).toBe(true);
    }),
  );
});

test('whatever differs, the ids differ', () => {
  const keys = fc.constantFrom('namespace', 'name', 'root', 'volume');
  fc.assert(
    fc.property(place, keys, fc.constantFrom('a', '-'), (one, key, more) => {
      expect(idOf({ ...one, [key]: one[key] + more })).not.toBe(idOf(one));
    }),
  );
  expect(podVolumeId({ namespace: 'a', name: 'b' }, '/', 'c-d')).not.toBe(
    podVolumeId({ namespace: 'a', name: 'b-c' }, '/', 'd'),
  );
});

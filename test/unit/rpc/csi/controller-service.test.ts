import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseNamespace, parseObjectName } from '../../../../src/objects/names.ts';
import { objectNameOf, parseObjectId, volumeIdOf } from '../../../../src/rpc/csi/controller-service.ts';
import { parseVolumeId } from '../../../../src/spec/volume-spec.ts';

const csiNames = fc
  .oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 128 }), fc.string({ unit: 'grapheme', minLength: 1 }))
  .filter((name) => parseVolumeId(name).ok);
const namespaces = fc
  .stringMatching(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/)
  .filter((name) => parseNamespace(name, '').ok);

describe('the object of a volume', () => {
  it('has a valid name, which makes a valid volume_id, whatever the host calls the volume', () => {
    fc.assert(
      fc.property(csiNames, namespaces, (csiName, namespace) => {
        const name = objectNameOf(csiName, namespace);
        expect(parseObjectName(name, 'name').ok).toBe(true);
        const volumeId = volumeIdOf({ namespace, name });
        expect(parseVolumeId(volumeId).ok).toBe(true);
        expect(parseObjectId(volumeId)).toEqual({ kind: 'ProjectedVolume', namespace, name });
      }),
    );
  });

  it.each([
    ['pvc-6f0a4ab2', /^pvc-6f0a4ab2$/],
    ['app.db', /^app\.db$/],
    ['My Volume!', /^my-volume-[0-9a-f]{16}$/],
    ['a/b', /^a-b-[0-9a-f]{16}$/],
    ['ключ', /^volume-[0-9a-f]{16}$/],
    ['v'.repeat(128), /^v+-[0-9a-f]{16}$/],
  ])('is called after "%s"', (csiName, pattern) => {
    expect(objectNameOf(csiName, 'default')).toMatch(pattern);
  });

  it('keeps apart what reads the same', () => {
    const names = ['My Volume', 'my volume', 'my-volume', 'my/volume', `${'v'.repeat(127)}a`, `${'v'.repeat(127)}b`];
    expect(new Set(names.map((name) => objectNameOf(name, 'default'))).size).toBe(names.length);
  });
});

describe('a volume_id', () => {
  it.each(['', 'db', 'a/b/c', '/db', 'default/', 'Default/db', 'default/DB', '../db', 'default/db/'])(
    '"%s" names no object',
    (volumeId) => expect(parseObjectId(volumeId)).toBeUndefined(),
  );
});

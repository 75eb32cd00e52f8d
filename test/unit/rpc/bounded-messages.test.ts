import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundedDefinition, hasMoreFields, UnreadableRequest } from '../../../src/rpc/bounded-messages.ts';
import { MAX_REQUEST_FIELDS } from '../../../src/rpc/limits.ts';
import { csi, lantern, type ShapedMethod } from '../../../src/rpc/protos.ts';

const { Apply } = lantern.Objects.service;
const { NodePublishVolume } = csi.Node.service;

function shapeFor(method: object) {
  return (method as ShapedMethod).requestShape();
}

const applying = (keys: number) =>
  Apply.requestSerialize({
    object: {
      metadata: { name: 'large' },
      configMap: {
        data: Object.fromEntries(Array.from({ length: keys }, (_, index) => [`k${index}`, `value ${index}`])),
      },
    },
  });

describe('the fields of a message', () => {
  it('are counted in all messages inside it', () => {
    // The object, its metadata, its name, the ConfigMap; an entry, its key, its value.
    const fields = 4 + 3 * 20;
    expect(hasMoreFields(applying(20), shapeFor(Apply), fields)).toBe(false);
    expect(hasMoreFields(applying(20), shapeFor(Apply), fields - 1)).toBe(true);
  });

  it('are not looked for in texts and bytes', () => {
    const blob = Buffer.from('\x0a\x00'.repeat(1_000));
    const bytes = Apply.requestSerialize({ object: { metadata: { name: 'a' }, secret: { data: { blob } } } });
    expect(hasMoreFields(bytes, shapeFor(Apply), 20)).toBe(false);
  });

  it('end where the message makes no sense', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 200 }), (noise) => {
        const bytes = Buffer.concat([applying(3), noise]);
        expect([true, false]).toContain(hasMoreFields(bytes, shapeFor(Apply), 8));
      }),
    );
  });

  it('are counted before anything is made of them', () => {
    const { NodePublishVolume: bounded } = boundedDefinition(csi.Node.service);
    const bytes = NodePublishVolume.requestSerialize({
      volumeContext: Object.fromEntries(Array.from({ length: 400_000 }, (_, index) => [`${index}`, ''])),
    });
    const fastest = Math.min(
      ...[1, 2, 3].map(() => {
        const before = performance.now();
        const request = bounded?.requestDeserialize(bytes);
        if (!(request instanceof UnreadableRequest)) throw new Error('it was decoded');
        expect(request.error().message).toContain(`must have no more than ${MAX_REQUEST_FIELDS} fields in all`);
        return performance.now() - before;
      }),
    );
    const before = performance.now();
    NodePublishVolume.requestDeserialize(bytes);
    expect(fastest * 20).toBeLessThan(performance.now() - before);
  });
});

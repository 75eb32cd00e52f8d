import { expect, it } from 'vitest';
import { parseVolumeId } from '../../../src/spec/volume-spec.ts';
import { faultLines } from '../../support/suite/expectations.ts';

it.each(['a', 'csi-0123abc', '../../etc', 'ü'.repeat(64), 'x'.repeat(128), ' '])('%j is an id', (text) => {
  expect(parseVolumeId(text)).toEqual({ ok: true, value: text });
});

it.each(['', 'x'.repeat(129), 'ü'.repeat(65), 'a\nb', 'a\0', '\u007f'])('%j is none', (text) => {
  expect(faultLines(parseVolumeId(text))).toHaveLength(1);
});

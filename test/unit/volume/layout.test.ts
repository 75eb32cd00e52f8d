import { expect, test } from 'vitest';
import { generationName, isGenerationName, timeOfGeneration, volumeDirectoryName } from '../../../src/volume/layout.ts';

test('a generation is named by UTC and nine digits', () => {
  expect(generationName(Date.UTC(2026, 10, 3, 9, 4, 8, 7))).toBe('..2026_11_03_09_04_08.007000000');
  expect(generationName(Date.UTC(2026, 10, 23, 19, 24, 8, 123), 456_789)).toBe('..2026_11_23_19_24_08.123456789');
});

test.each([
  ['..2026_11_23_19_24_08.123456789', true],
  ['..2026_11_23_19_24_08.1', true],
  ['..2026_11_23_19_24_08.', false],
  ['..2026_11_23_19_24.1', false],
  ['2026_11_23_19_24_08.1', false],
  ['..data', false],
  ['..2026_11_23_19_24_08.1/x', false],
])('%s is the name of a generation: %s', (name, expected) => {
  expect(isGenerationName(name)).toBe(expected);
});

test('a generation says when it was made, unless it has no such time', () => {
  const time = Date.UTC(2026, 10, 23, 19, 24, 8, 123);
  expect(timeOfGeneration(generationName(time, 456_789))).toBe(time);
  expect(timeOfGeneration('..2026_11_23_19_24_08.5')).toBe(Date.UTC(2026, 10, 23, 19, 24, 8, 500));
  expect(timeOfGeneration('..2026_99_23_19_24_08.1')).toBeUndefined();
  expect(timeOfGeneration('..data')).toBeUndefined();
});

test('a home is named by a hash, whatever the id holds', () => {
  const name = volumeDirectoryName('csi-../../etc/passwd');
  expect(name).toMatch(/^[0-9a-f]{32}$/);
  expect(volumeDirectoryName('csi-../../etc/passwd')).toBe(name);
  expect(volumeDirectoryName('csi-../../etc/passwD')).not.toBe(name);
});

import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { absoluteTarget, volumeIdFor } from '../../../src/cli/target.ts';
import { parseVolumeId } from '../../../src/spec/volume-id.ts';
import { TempDir } from '../../support/temp-dir.ts';

test('links in the parent are resolved, a link at the target itself is not', () => {
  using dir = new TempDir();
  mkdirSync(dir.at('real'));
  symlinkSync('real', dir.at('link'));
  symlinkSync('/etc', dir.at('real', 'target'));
  expect(absoluteTarget(dir.at('link', 'target'))).toBe(dir.at('real', 'target'));
  expect(absoluteTarget(`${dir.at('real')}/x/../target/`)).toBe(dir.at('real', 'target'));
});

test('what cannot be resolved stays as written, from the working directory', () => {
  expect(absoluteTarget('no/such/directory')).toBe(join(process.cwd(), 'no/such/directory'));
});

test('every path has an id that is valid, and its own', () => {
  const path = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }).map((text) => `/${text}`);
  fc.assert(
    fc.property(path, path, (a, b) => {
      expect(parseVolumeId(volumeIdFor(a)).ok).toBe(true);
      expect(volumeIdFor(a) === volumeIdFor(b)).toBe(a === b);
    }),
  );
});

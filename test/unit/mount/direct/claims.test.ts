import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Claim, ClaimsFile } from '../../../../src/mount/direct/claims.ts';
import type { RelativePath } from '../../../../src/spec/relative-path.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const subPath = 'a/b' as RelativePath;
const CLAIMS: readonly Claim[] = [
  { target: '/dev/shm/x', identity: '0:24 7', contents: { kind: 'volume' }, isComplete: true },
  { target: '/y', identity: '0:24 8', contents: { kind: 'file', subPath, generation: 'g' }, isComplete: false },
  {
    target: '/z',
    identity: '0:24 9',
    contents: { kind: 'directory', subPath, generation: 'g', files: ['c/d'] },
    isComplete: true,
  },
];

describe('ClaimsFile', () => {
  test('gives back what was saved, from a 0600 file, and leaves no other', () => {
    using dir = new TempDir();
    const file = new ClaimsFile(dir.path);
    expect(file.load()).toEqual({ claims: [], intended: undefined });
    file.save(CLAIMS, '/w');
    expect(file.load()).toEqual({ claims: CLAIMS, intended: '/w' });
    file.save(CLAIMS);
    expect(new ClaimsFile(dir.path).load()).toEqual({ claims: CLAIMS, intended: undefined });
    expect(readdirSync(dir.path)).toEqual(['targets.json']);
    expect(statSync(dir.at('targets.json')).mode & 0o777).toBe(0o600);
    file.save([]);
    file.save([]);
    expect(readdirSync(dir.path)).toEqual([]);
  });

  test.each([
    [
      'of an earlier boot',
      (text: string) => text.replace(/"bootId":"[^"]+"/, '"bootId":"00000000-0000-0000-0000-000000000000"'),
    ],
    ['cut off', (text: string) => text.slice(0, -1)],
    ['empty', () => ''],
    ['of another shape', (text: string) => text.replace('"volume"', '"pool"')],
  ])('claims %s are none', (_, damage) => {
    using dir = new TempDir();
    const file = new ClaimsFile(dir.path);
    file.save(CLAIMS, '/w');
    const path = dir.at('targets.json');
    writeFileSync(path, damage(readFileSync(path, 'utf8')));
    expect(file.load()).toEqual({ claims: [], intended: undefined });
  });
});

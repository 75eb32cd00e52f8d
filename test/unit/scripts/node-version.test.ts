import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { requireNodeVersion } from '../../../scripts/node-version.mjs';
import { TOP } from '../../support/suite/compiled.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';

test.each([
  ['20.19.0', true],
  ['20.20.1', true],
  ['22.0.0', true],
  ['20.18.9', false],
  ['18.99.0', false],
])('Node %s where >=20.19 is asked for: %s', (running, enough) => {
  using directory = new TempDir();
  writeFileSync(directory.at('package.json'), '{"engines":{"node":">=20.19"}}');
  const check = () => requireNodeVersion(pathToFileURL(directory.at('package.json')), running);
  if (enough) check();
  else expect(check).toThrow(`Lantern needs Node >=20.19, and this is Node ${running}`);
});

test("this project's own wish is understood", () => {
  expect(() => requireNodeVersion(pathToFileURL(`${TOP}/package.json`), '1.0.0')).toThrow('Lantern needs Node');
});

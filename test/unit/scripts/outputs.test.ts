import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isOutputFresh, makeOutput } from '../../../scripts/outputs.mjs';
import { TempDir } from '../../support/suite/temp-dir.ts';

/** A checkout with one output, a copy of `src/a`, that was just made. */
class Checkout extends TempDir {
  readonly output = {
    name: 'the copy',
    path: 'out/copy',
    inputs: ['src', 'settings'],
    make: (directory: string) => writeFileSync(join(directory, 'a'), readFileSync(this.at('src/a'))),
  };

  constructor() {
    super();
    mkdirSync(this.at('src/deep'), { recursive: true });
    for (const file of ['src/a', 'src/deep/b', 'settings']) writeFileSync(this.at(file), file);
    this.make();
  }

  make(): void {
    makeOutput(this.path, this.output);
  }

  get isFresh(): boolean {
    return isOutputFresh(this.path, this.output);
  }
}

test.each<[string, boolean, (checkout: Checkout) => void]>([
  ['nothing', true, () => {}],
  ['the time of a file', true, (it) => utimesSync(it.at('src/a'), 1, 1)],
  ["an editor's file", true, (it) => writeFileSync(it.at('src/.a.swp'), 'x')],
  ['the contents of a file', false, (it) => writeFileSync(it.at('src/deep/b'), 'src/deep/B')],
  ['a single input', false, (it) => writeFileSync(it.at('settings'), 'other')],
  ['one file more', false, (it) => writeFileSync(it.at('src/c'), '')],
  ['one file less', false, (it) => rmSync(it.at('src/deep/b'))],
  ['the name of a file', false, (it) => renameSync(it.at('src/deep/b'), it.at('src/deep/c'))],
  ['the output gone', false, (it) => rmSync(it.at('out'), { recursive: true })],
  ['the output not finished', false, (it) => rmSync(it.at('out/copy/.stamp'))],
])('after a change of %s, fresh is %s', (_, fresh, change) => {
  using checkout = new Checkout();
  change(checkout);
  expect(checkout.isFresh).toBe(fresh);
});

test('it is replaced as a whole, and nothing is left beside it', () => {
  using checkout = new Checkout();
  writeFileSync(checkout.at('out/copy/stale'), 'of an earlier build');
  writeFileSync(checkout.at('src/a'), 'new');
  checkout.make();
  expect(readdirSync(checkout.at('out/copy')).sort()).toEqual(['.stamp', 'a']);
  expect(readFileSync(checkout.at('out/copy/a'), 'utf8')).toBe('new');
  expect(readdirSync(checkout.path).sort()).toEqual(['.cache', 'out', 'settings', 'src']);
  expect(readdirSync(checkout.at('.cache'))).toEqual([]);
});

test('a build that fails leaves the old one, which is not fresh, and does not disturb the next', () => {
  using checkout = new Checkout();
  writeFileSync(checkout.at('src/a'), 'new');
  const failing = {
    ...checkout.output,
    make(directory: string) {
      writeFileSync(join(directory, 'half'), '');
      throw new Error('type error');
    },
  };
  expect(() => makeOutput(checkout.path, failing)).toThrow('type error');
  expect(readFileSync(checkout.at('out/copy/a'), 'utf8')).toBe('src/a');
  expect(checkout.isFresh).toBe(false);
  checkout.make();
  expect(readdirSync(checkout.at('out/copy')).sort()).toEqual(['.stamp', 'a']);
});

test('an edit during the build makes its result stale', () => {
  using checkout = new Checkout();
  const slow = { ...checkout.output, make: () => writeFileSync(checkout.at('src/a'), 'edited meanwhile') };
  makeOutput(checkout.path, slow);
  expect(checkout.isFresh).toBe(false);
});

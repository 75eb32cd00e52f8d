import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { areDependenciesFresh } from '../../../scripts/dependencies.mjs';
import { TempDir } from '../../support/suite/temp-dir.ts';

const HERE = { os: [process.platform], cpu: [process.arch] };
const ELSEWHERE = { os: ['plan9'], cpu: [process.arch] };

/** A checkout whose lock wants, and whose node_modules has, one package. */
class Checkout extends TempDir {
  readonly wanted: Record<string, object> = { '': {}, 'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' } };
  installed: Record<string, object> | undefined = { ...this.wanted };

  isFresh(): boolean {
    mkdirSync(this.at('node_modules/a'), { recursive: true });
    writeFileSync(this.at('package-lock.json'), JSON.stringify({ packages: this.wanted }));
    if (this.installed !== undefined) {
      writeFileSync(this.at('node_modules/.package-lock.json'), JSON.stringify({ packages: this.installed }));
    }
    return areDependenciesFresh(this.path);
  }
}

test.each<[string, boolean, (checkout: Checkout) => void]>([
  ['what the lock wants', true, () => {}],
  ['nothing', false, (it) => (it.installed = undefined)],
  [
    'another version',
    false,
    (it) => (it.installed = { 'node_modules/a': { version: '1.0.1', integrity: 'sha512-a' } }),
  ],
  [
    'another content',
    false,
    (it) => (it.installed = { 'node_modules/a': { version: '1.0.0', integrity: 'sha512-b' } }),
  ],
  ['one package too few', false, (it) => (it.wanted['node_modules/b'] = { version: '2.0.0' })],
  ['no binary for this machine', false, (it) => (it.wanted['node_modules/b'] = { optional: true, ...HERE })],
  ['no binary for another machine', true, (it) => (it.wanted['node_modules/b'] = { optional: true, ...ELSEWHERE })],
  [
    'a binary for one C library only',
    true,
    (it) => (it.wanted['node_modules/b'] = { optional: true, ...HERE, libc: ['musl'] }),
  ],
])('node_modules with %s: fresh is %s', (_, fresh, change) => {
  using checkout = new Checkout();
  change(checkout);
  expect(checkout.isFresh()).toBe(fresh);
});

test('a package whose directory is gone is missed', () => {
  using checkout = new Checkout();
  expect(checkout.isFresh()).toBe(true);
  rmSync(checkout.at('node_modules/a'), { recursive: true });
  expect(areDependenciesFresh(checkout.path)).toBe(false);
});

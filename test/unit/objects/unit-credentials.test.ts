import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesUnit, parseUnitPattern } from '../../../src/objects/unit-credentials.ts';

test.each([
  ['app.service', 'app.service', true],
  ['app.service', 'app.service.service', false],
  ['web@*.service', 'web@1.service', true],
  ['web@*.service', 'web@.service', true],
  ['web@*.service', 'web@1.socket', false],
  ['web@*.service', 'xweb@1.service', false],
  ['*.service', 'a.service', true],
  ['a*a.service', 'a.service', false],
  ['a*a.service', 'aa.service', true],
  ['srv-a\\x2db.mount', 'srv-a\\x2db.mount', true],
])('%s and %s: %s', (pattern, unit, matches) => {
  expect(parseUnitPattern(pattern, '').ok).toBe(true);
  expect(matchesUnit(pattern, unit)).toBe(matches);
});

test('a star stands for any characters, and for nothing else', () => {
  const part = fc.stringMatching(/^[a-z@.-]{0,5}$/);
  fc.assert(
    fc.property(part, part, part, (before, between, after) => {
      const pattern = `${before}*${after}.service`;
      expect(matchesUnit(pattern, `${before}${between}${after}.service`)).toBe(true);
      expect(matchesUnit(pattern, `${before}${between}${after}.socket`)).toBe(false);
      expect(matchesUnit(pattern, `+${before}${between}${after}.service`)).toBe(before === '');
    }),
  );
});

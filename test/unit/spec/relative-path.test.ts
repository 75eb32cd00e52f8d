import { posix } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orThrow } from '../../../src/base/parsed.ts';
import { parseRelativePath, parseSubPath } from '../../../src/spec/relative-path.ts';
import { faultLines } from '../../support/suite/expectations.ts';

describe.each([
  ['a path', parseRelativePath],
  ['a subPath', parseSubPath],
])('%s', (_, parse) => {
  it.each([
    ['a', 'a'],
    ['my-group/my-username', 'my-group/my-username'],
    ['foo//bar', 'foo/bar'],
    ['./bar', 'bar'],
    ['foo/', 'foo'],
    ['foo/.', 'foo'],
    ['././a/././b', 'a/b'],
    ['a/..b', 'a/..b'],
    ['a/...', 'a/...'],
    ['.dotfile', '.dotfile'],
    ['größe', 'größe'],
    ['a b\\c', 'a b\\c'],
    ['x'.repeat(255), 'x'.repeat(255)],
    [`${'a/'.repeat(31)}a`, `${'a/'.repeat(31)}a`],
    [`${'./'.repeat(2047)}a`, 'a'],
  ])('%j is %j', (text, clean) => {
    expect(parse(text, 'p')).toEqual({ ok: true, value: clean });
  });

  it.each([
    ['', 'must not be empty'],
    ['.', 'must name a file inside the volume'],
    ['./', 'must name a file inside the volume'],
    ['/', 'must be a relative path'],
    ['/etc/passwd', 'must be a relative path'],
    ['//a', 'must be a relative path'],
    ['..', "must not contain '..'"],
    ['a/..', "must not contain '..'"],
    ['a/../b', "must not contain '..'"],
    ['./../b', "must not contain '..'"],
    ['..data', "must not start with '..'"],
    ['..data/x', "must not start with '..'"],
    ['...x', "must not start with '..'"],
    ['./..data_tmp', "must not start with '..'"],
    ['./..x', "must not start with '..'"],
    ['.//./..x', "must not start with '..'"],
    ['a\0b', 'must not contain a NUL byte'],
    ['ä'.repeat(128), 'each element must be no more than 255 bytes'],
    [`${'a/'.repeat(32)}a`, 'must be no more than 32 levels deep'],
    [`${'a/'.repeat(2048)}a`, 'must be no more than 4096 bytes'],
  ])('%j is refused', (text, message) => {
    expect(faultLines(parse(text, 'p'))).toEqual([`p: ${message}`]);
  });

  const pieces = fc.constantFrom('.', '..', '/', '//', '..data', '..x', 'a', 'b', '.a', ' ', '\0', '\\', '\u202e', 'ä');
  const texts = fc.oneof(
    fc.array(pieces).map((parts) => parts.join('')),
    fc.string({ unit: 'binary' }),
  );

  it('stays below the volume and away from what the writer keeps for itself', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const result = parse(text, 'p');
        if (!result.ok) return;
        const elements = result.value.split('/');
        expect(posix.join('/volume', result.value)).toBe(`/volume/${result.value}`);
        expect(elements).not.toContain('');
        expect(elements).not.toContain('.');
        expect(elements).not.toContain('..');
        expect(elements[0]).not.toMatch(/^\.\./);
      }),
      { numRuns: 2000 },
    );
  });

  it('is what it was when it is parsed again', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const once = parse(text, 'p');
        if (once.ok) expect(orThrow(parse(once.value, 'p'))).toBe(once.value);
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses everything with an element that leads out, wherever it stands', () => {
    const harmless = fc.array(fc.constantFrom('a', '.', '', '.b', '..c'), { maxLength: 5 });
    fc.assert(
      fc.property(harmless, harmless, (before, after) => {
        expect(parse([...before, '..', ...after].join('/'), 'p').ok).toBe(false);
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseAnnotationKey,
  parseDataKey,
  parseLabelKey,
  parseLabelValue,
  parseNamespace,
  parseObjectName,
} from '../../../src/objects/names.ts';

type Rule = {
  readonly parse: typeof parseObjectName;
  readonly good: readonly string[];
  readonly bad: readonly string[];
};

const long = (length: number) => 'a'.repeat(length);

const rules: Record<string, Rule> = {
  'an object': {
    parse: parseObjectName,
    good: ['a', 'db-1', 'a.b.c', '0', long(253)],
    bad: ['', 'A', '-a', 'a-', 'a..b', '.a', 'a.', 'a_b', 'a/b', 'a b', 'a\n', 'ä', long(254), 'a.-b'],
  },
  'a namespace': {
    parse: parseNamespace,
    good: ['a', 'team-a', '0', long(63)],
    bad: ['', 'A', '-a', 'a-', 'a.b', 'a_b', 'a\n', long(64)],
  },
  'a data key': {
    parse: parseDataKey,
    good: ['tls.crt', '.dotfile', '_', '-', 'A..b', '__proto__', long(253)],
    bad: ['', '.', '..', '..data', '...', 'a/b', 'a b', 'a\n', 'ä', long(254)],
  },
  'a label key': {
    parse: parseLabelKey,
    good: ['app', 'app.kubernetes.io/name', 'A_b.c-D', `x/${long(63)}`, `${long(253)}/${long(63)}`],
    bad: ['', '/', 'a/', '/a', 'a/b/c', 'A.io/name', '-a', 'a-', `x/${long(64)}`, 'a b', 'a\n'],
  },
  'an annotation key': {
    parse: parseAnnotationKey,
    good: ['App.Kubernetes.io/Name', 'x'],
    bad: ['', 'a/b/c', 'a_b/c', '-a'],
  },
  'a label value': {
    parse: parseLabelValue,
    good: ['', 'a', 'A_b.c-1', long(63)],
    bad: ['-a', 'a-', 'a/b', 'a b', long(64), 'a\n'],
  },
};

describe.each(Object.entries(rules))('the name of %s', (_, { parse, good, bad }) => {
  it.each(good)('may be %j', (text) => {
    expect(parse(text, 'f')).toEqual({ ok: true, value: text });
  });

  it.each(bad)('may not be %j', (text) => {
    expect(parse(text, 'f')).toMatchObject({ ok: false, faults: [{ field: 'f' }] });
  });
});

it('a name that passes as a data key is one harmless file name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      if (!parseDataKey(text, '').ok) return;
      expect(text).not.toMatch(/[/\0]|^\.$|^\.\./);
      expect(Buffer.byteLength(text)).toBeLessThan(256);
    }),
  );
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orThrow } from '../../../../src/base/parsed.ts';
import { parseYamlDocuments } from '../../../../src/objects/manifest/yaml.ts';
import { TEXT_LIMITS } from '../../../../src/objects/text-limits.ts';
import { faultLines } from '../../../support/suite/expectations.ts';

const parse = (text: string) => parseYamlDocuments(text, TEXT_LIMITS.document);

const readOne = (text: string) => {
  const documents = orThrow(parse(text));
  expect(documents).toHaveLength(1);
  return documents[0];
};

describe('values as Kubernetes reads them', () => {
  it.each([
    ['0400', 256],
    ['0o400', 256],
    ['"0400"', '0400'],
    ["'0400'", '0400'],
    ['400', 400],
    ['0x1F', 31],
    ['1_000', 1000],
    ['1e3', 1000],
    ['yes', true],
    ['off', false],
    ['~', null],
    ['', null],
    ['12:30:45', '12:30:45'],
    ['190:20:30.15', '190:20:30.15'],
    ['2020-01-01', '2020-01-01'],
    ['2001-12-14t21:59:43.10-05:00', '2001-12-14t21:59:43.10-05:00'],
    ['!!str 0400', '0400'],
    ['0800', 800],
    ['.', '.'],
    ['-.', '-.'],
    ['._', '._'],
    ['.5', 0.5],
    ['1.', 1],
    ['123e456', '123e456'],
    ['-52e9999', '-52e9999'],
    ['1_e400', '1_e400'],
    ['e5', 'e5'],
    ['0B11', 3],
    ['0X1f', 31],
    ['0O17', 15],
    ['+_1', 1],
    ['_1', '_1'],
    ['0b-11', -3],
    ['0b', '0b'],
    ['0x+1', '0x+1'],
    ['0x1FFFFFFFFFFFFFFFF', '0x1FFFFFFFFFFFFFFFF'],
    ['9007199254740993', 2 ** 53],
    ['18446744073709551616', 2 ** 64],
    ['!!binary aGVsbG8=', 'hello'],
    ['!!binary "aGVs\\nbG8="', 'hello'],
    ['!!binary |\n  aGVs\n  bG8=', 'hello'],
  ])('%j is %j', (text, value) => {
    expect(readOne(`mode: ${text}`)).toEqual({ mode: value });
  });

  it.each([
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['0x7fff_ffff_ffff_ffff', 2n ** 63n - 1n],
    ['18446744073709551615', 2n ** 64n - 1n],
    ['+18446744073709551615', 2 ** 64],
    ['18446744073709551616', 2 ** 64],
    ['9007199254740991', 2 ** 53 - 1],
  ])('keeps every digit of %s where they are asked for', (text, value) => {
    for (const document of [`a: ${text}`, `{"a":\n\t${text}}`]) {
      expect(orThrow(parseYamlDocuments(document, TEXT_LIMITS.document, { exact: true }))).toEqual([{ a: value }]);
    }
  });

  it('keeps to YAML 1.1 whatever the document says of itself', () => {
    expect(readOne('%YAML 1.2\n---\nmode: 0400\n')).toEqual({ mode: 256 });
  });

  it('reads keys as text', () => {
    expect(readOne('1: a\nyes: b\n0400: c\n__proto__: d')).toEqual(
      JSON.parse('{"1": "a", "yes": "b", "0400": "c", "__proto__": "d"}'),
    );
  });

  it('merges', () => {
    expect(readOne('base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3')).toEqual({
      base: { x: 1, y: 2 },
      use: { x: 1, y: 3 },
    });
  });
});

describe('documents', () => {
  it.each([
    ['', []],
    ['# only a comment\n', []],
    ['a: 1\n---\nb: 2\n', [{ a: 1 }, { b: 2 }]],
    ['---\n---\na: 1\n...\n---\nb: 2', [null, { a: 1 }, { b: 2 }]],
    ['\uFEFFa: 1', [{ a: 1 }]],
    ['\uFEFF {"a": 1}', [{ a: 1 }]],
    ['[{"a": 1}]', [[{ a: 1 }]]],
    ['---\n\uFEFFa: 1\n\uFEFF---\nb: 2', [{ a: 1 }, { b: 2 }]],
    ['{"a": 123e456}', [{ a: '123e456' }]],
    ['{a: 1}', [{ a: 1 }]],
    ['{"mode": 0400}', [{ mode: 256 }]],
    ['{"a": 1}\n---\n{"b": 2}', [{ a: 1 }, { b: 2 }]],
    ['a: 1\r\nb: 2\r\n', [{ a: 1, b: 2 }]],
  ])('%j', (text, documents) => {
    expect(orThrow(parse(text))).toEqual(documents);
  });

  it('reads every JSON text as JSON does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify({ value }, undefined, 2);
        expect(readOne(text)).toEqual(JSON.parse(text));
      }),
    );
  });
});

/** What somebody might have typed; must never come back. */
const SECRET = 'hunter2';

describe('faults', () => {
  it.each([
    [`a: 1\na: ${SECRET}`, 'line 2, column 1: this key is in the mapping already'],
    [`{"a": 1,\n  "a": "${SECRET}"}`, 'line 2, column 3: this key is in the mapping already'],
    [`{"b": {"a": 1}, "\\u0061": 1, "a": "${SECRET}"}`, 'line 1, column 30: this key is in the mapping already'],
    [`a: *${SECRET}`, 'line 1, column 4: an alias (*name) must come after its anchor'],
    [`a: &${SECRET} [*${SECRET}]`, 'line 1, column 14: an alias (*name) must come after its anchor'],
    [`a: !${SECRET}`, 'line 1, column 4: this tag is not supported'],
    [`a: !!binary ${SECRET}`, 'line 1, column 4: !!binary must be base64'],
    ['a: !!binary /w==', 'line 1, column 4: the bytes of this !!binary are not UTF-8'],
    [`a: !!int ${SECRET}`, 'line 1, column 4: this tag is not supported'],
    [`a: !!set {${SECRET}}`, 'line 1, column 4: this tag is not supported'],
    [`{a: ${SECRET}}: b`, 'line 1, column 1: a key must be text'],
    [`a: "${SECRET}`, 'a closing quote or bracket'],
    [`a:\n\t${SECRET}: b`, 'line 2, column 1: a tab cannot indent'],
    [`a: @${SECRET}`, 'line 1, column 4: a value cannot start with this character'],
    [`a: b: ${SECRET}`, 'line 1, column 4: a mapping or list cannot start here'],
    [`a: "\\${SECRET}"`, 'line 1, column 5: not an escape that YAML has'],
    [`a: [${SECRET}`, 'line 1'],
    [`{"a": "${SECRET}"`, 'line 1'],
    [`{"a": "${SECRET}", }}`, 'line 1'],
    [`%${SECRET}\n---\na: b`, 'line 1, column 1: not a directive that YAML has'],
    [`<<: ${SECRET}`, 'a merge key (<<) has no mapping'],
    [`&a &${SECRET} b`, 'line 1'],
    [`&a *${SECRET}`, 'line 1'],
  ])('of %j give the place and keep the input to themselves', (text, message) => {
    const faults = faultLines(parse(text));
    expect(faults.join('\n')).toContain(message);
    expect(faults.join('\n')).not.toContain(SECRET);
  });

  it('never quote a secret, however the text around it is damaged', () => {
    const damage = fc.constantFrom(...'{}[]"\':,&*!|>%@`#-?\t\n \\', '<<', '---', '!!', '\uFEFF', '\0');
    fc.assert(
      fc.property(fc.array(fc.oneof(damage, fc.constant(SECRET), fc.constant('key: ')), { maxLength: 30 }), (parts) => {
        expect(faultLines(parse(parts.join(''))).join()).not.toContain(SECRET);
      }),
      { numRuns: 1000 },
    );
  });

  it('are no more than a reader can take', () => {
    const faults = faultLines(parse('a: 1\n'.repeat(100)));
    expect(faults).toHaveLength(11);
    expect(faults.at(-1)).toBe(': and 89 more');
  });
});

describe('hostile input', () => {
  const bomb = `a: &a [x,x]\nb: &b [${'*a,'.repeat(9)}]\nc: &c [${'*b,'.repeat(9)}]\nd: [${'*c,'.repeat(9)}]`;
  const stairs = Array.from({ length: 2000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n');

  it.each([
    ['an alias bomb', bomb, 'expand to too much'],
    ['very many aliases', `a: &a x\nb: [${'*a,'.repeat(2000)}]`, 'more than 1000 aliases'],
    ['brackets without end', '['.repeat(100_000), 'nested too deep'],
    ['deep JSON', '['.repeat(100_000) + ']'.repeat(100_000), 'nested too deep'],
    ['deep flow mappings', '{a: '.repeat(30_000), 'nested too deep'],
    ['deep lists', `${'- '.repeat(30_000)}x`, 'nested too deep'],
    ['deep keys', '? '.repeat(30_000), 'nested too deep'],
    ['deep mappings', stairs, 'nested too deep'],
  ])('%s is refused in good time', (_, text, message) => {
    expect(faultLines(parse(text)).join()).toContain(message);
  });

  it('is refused long before the library would have to recurse that deep', () => {
    // The library takes 500 levels without complaint, and at some 20,000 takes the whole process down.
    expect(faultLines(parse(`${'- '.repeat(450)}x`))).toEqual([': line 1, column 800: nested too deep']);
  });

  it('may nest as deep as any manifest does', () => {
    const text = `${'{a: '.repeat(90)}1${'}'.repeat(90)}`;
    expect(JSON.stringify(readOne(text))).toHaveLength(90 * 6 + 1);
  });

  it('reads large strings full of escapes', () => {
    const text = JSON.stringify({ a: '"\\\n'.repeat(600_000) });
    expect(readOne(text)).toEqual(JSON.parse(text));
  });
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { hardValue } from '../../../../scripts/conformance/yaml-alphabet.mjs';
import { orThrow } from '../../../../src/base/parsed.ts';
import { printYaml } from '../../../../src/cli/output/print-yaml.ts';
import { parseYamlDocuments } from '../../../../src/objects/manifest/yaml.ts';
import { TEXT_LIMITS } from '../../../../src/objects/text-limits.ts';

const readByUs = (text: string) => orThrow(parseYamlDocuments(text, TEXT_LIMITS.document));

it('every value is read back as it was, by us, by a reader of YAML 1.1 and by one of 1.2', () => {
  fc.assert(
    fc.property(hardValue, (value) => {
      const text = `${printYaml(value)}\n`;
      const same = JSON.parse(JSON.stringify(value, (_, held) => held ?? null));
      expect(JSON.parse(JSON.stringify(readByUs(text)))).toEqual([same]);
      for (const schema of ['yaml-1.1', 'core'] as const) {
        const read: unknown = parse(text, { schema, version: '1.1', stringKeys: true, logLevel: 'silent' });
        expect(JSON.parse(JSON.stringify(read))).toEqual(same);
      }
    }),
    { numRuns: 1_500 },
  );
});

it.each([
  '   ',
  '0o7',
  '0O17',
  '0X1f',
  '0B11',
  '0o_7',
  '1_000',
  '12:30:45',
  '2001-12-14',
  '2026-11-29T01:52:24Z',
  '1.2.3',
  '+.5',
  '.',
  '._',
  'e7',
  'y',
  'NULL',
  '=',
  '<<',
  '-.INF',
  'nan',
  '... x',
  'a: b',
  'a #b',
  'a:',
  '*a',
  ' a',
  'a ',
])('%j stands in double quotes, as a value and as a key', (text) => {
  expect(printYaml({ [text]: text })).toBe(`"${text}": "${text}"`);
});

it.each([
  ['\ta', '"\\ta"'],
  ['a\x7Fb', '"a\\x7Fb"'],
  ['\x85', '"\\x85"'],
  ['a\u2028b', '"a\\u2028b"'],
  ['\uFEFFa', '"\\uFEFFa"'],
  ['a\uFFFE', '"a\\uFFFE"'],
  ['\u202Ea', '"\\u202Ea"'],
  ['a\r\nb\r\n', '"a\\r\\nb\\r\\n"'],
  ['\uD800', '"\\uFFFD"'],
  ['a\n  \nb', '"a\\n  \\nb"'],
  ['\n', '"\\n"'],
  ['"a\\', '"\\"a\\\\"'],
])('%j is printed as %s', (text, printed) => {
  expect(printYaml({ k: text })).toBe(`k: ${printed}`);
});

it.each(['MTIz', '3q2+7w==', 'tls.crt', 'https://a.b/c#d', 'Grüße, Welt', 'a: b'.replace(': ', ':'), "it's", 'v1'])(
  '%s needs no quotes',
  (text) => {
    expect(printYaml([text])).toBe(`- ${text}`);
  },
);

it('is printed as kubectl prints it', () => {
  const long = 'k'.repeat(1_001);
  const value = {
    metadata: { name: 'm', labels: {}, gone: undefined },
    data: { lines: 'a\n\n  b\n', none: '', end: 'x\ny', more: 'x\n\n\n' },
    list: [[1, [true, null]], { b: 1, a: [] }, 'two\nlines\n'],
    [long]: { large: 12345678901234567890n, far: 1e21 },
  };
  expect(printYaml(value)).toBe(
    [
      'data:',
      '  end: |-',
      '    x',
      '    y',
      '  lines: |',
      '    a',
      '',
      '      b',
      '  more: |+',
      '    x',
      '',
      '',
      '  none: ""',
      `? ${long}`,
      ':',
      '  far: 1.0e+21',
      '  large: 12345678901234567890',
      'list:',
      '- - 1',
      '  - - true',
      '    - null',
      '- a: []',
      '  b: 1',
      '- |',
      '  two',
      '  lines',
      'metadata:',
      '  labels: {}',
      '  name: m',
    ].join('\n'),
  );
});

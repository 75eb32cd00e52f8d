import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { orThrow } from '../../../../src/base/parsed.ts';
import { documentsIn } from '../../../../src/objects/manifest/documents.ts';
import { parseYamlDocuments } from '../../../../src/objects/manifest/yaml.ts';
import { TEXT_LIMITS } from '../../../../src/objects/text-limits.ts';
import { processorTime } from '../../../support/host/process.ts';

const lines = fc.array(
  fc.constantFrom(
    '---',
    '--- # c',
    '--- {b: 2}',
    '---x: 1',
    '...',
    'a: 1',
    'c: |',
    '  ---',
    '# text',
    '',
    '%YAML 1.1',
    "'q'",
    '--- |',
    '- d',
  ),
  { maxLength: 12 },
);

it('documents are what YAML takes for documents, and none begins before the one before it ends', () => {
  fc.assert(
    fc.property(lines, fc.constantFrom('\n', '\r\n'), (given, end) => {
      const text = given.join(end);
      const parts = [...documentsIn(text)];
      expect(parts.map((part) => part.text).join('')).toBe(text);
      for (const [index, part] of parts.entries()) {
        const before = parts.slice(0, index).map((each) => each.text);
        expect(part.line).toBe(before.join('').split('\n').length);
      }
      // The library reads the whole as it reads the parts, wherever it takes the whole.
      const whole = parseAllDocuments(text, { version: '1.1' });
      if ('empty' in whole || whole.some(({ errors, warnings }) => errors.length + warnings.length > 0)) return;
      const apart = parts.flatMap((part) => orThrow(parseYamlDocuments(part.text, TEXT_LIMITS.document)));
      expect(apart).toEqual(whole.map((document) => document.toJS()));
    }),
    { numRuns: 2_000 },
  );
});

it('a fault names the line in the whole', () => {
  const [, second] = documentsIn('a: 1\n---\nb: 2\nb: 3\n');
  const result = parseYamlDocuments(second?.text ?? '', TEXT_LIMITS.document, { firstLine: second?.line ?? 0 });
  expect(result).toEqual({
    ok: false,
    faults: [{ field: '', message: 'line 4, column 1: this key is in the mapping already' }],
  });
});

it('a manifest is cut in linear time', () => {
  const before = processorTime();
  expect([...documentsIn(`${'---\n'.repeat(500_000)}${'%a\n'.repeat(500_000)}`)].length).toBeGreaterThan(400_000);
  expect(processorTime() - before).toBeLessThan(10_000);
});

const json = fc.record({ a: fc.jsonValue({ maxDepth: 3 }), '}{': fc.string() });
const BLANKS = ['', ' ', '\n', '\r\n\n', '\n\uFEFF'];

it('JSON objects that follow each other are documents each', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(json, fc.constantFrom(0, 4), fc.constantFrom(...BLANKS)), { minLength: 1, maxLength: 4 }),
      fc.constantFrom('', '\uFEFF', '\n '),
      (objects, head) => {
        const text = objects
          .map(([value, indent, blanks]) => `${JSON.stringify(value, undefined, indent)}${blanks}`)
          .join('');
        const parts = [...documentsIn(`${head}${text}`)];
        expect(parts.map((part) => part.text).join('')).toBe(`${head}${text}`);
        const read = parts.flatMap((part) => orThrow(parseYamlDocuments(part.text, TEXT_LIMITS.document)));
        expect(read).toEqual(JSON.parse(JSON.stringify(objects.map(([value]) => value))));
      },
    ),
  );
});

it.each([
  ['YAML that looks alike', '{a: \'}\n{"b": 2}\'}', 1],
  ['an object and no other', '{"a": 1} x {"b": 2}', 1],
  ['an object without an end', '{"a": 1}\n{"b": 2', 2],
  ['objects after a mark', '---\n{"a": 1}\n{"b": 2}\n---\n{"c": 3}{"d": 4}', 4],
  ['a string without an end', '{"a": "}{', 1],
  ['an object among YAML', 'a: {"b": 1}\n{"c": 2}', 1],
  ['what follows a byte order mark', 'a: 1\n\uFEFFb: 2\n\uFEFF---\nc: 3\n---\n\uFEFFd: 4', 4],
  ['what follows an end', 'a: 1\n...\nb: 2\n... # end\n{"c": 3}{"d": 4}', 4],
])('%s', (_, text, count) => {
  expect([...documentsIn(text)].length).toBe(count);
});

it('a fault names the line among JSON objects, too', () => {
  const parts = [...documentsIn('{"a": 1}\n{\n  "b": 2\n}\n{"c": 3, "c": 4}')];
  expect(parts.map(({ line }) => line)).toEqual([1, 2, 5]);
});

it('many objects are cut in linear time', () => {
  const before = processorTime();
  expect([...documentsIn('{"a":[]}\n'.repeat(200_000))]).toHaveLength(200_000);
  expect([...documentsIn(`{"a":${'['.repeat(2_000_000)}`)]).toHaveLength(1);
  expect(processorTime() - before).toBeLessThan(10_000);
});

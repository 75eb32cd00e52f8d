import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { orThrow } from '../../../src/base/parsed.ts';
import { documentsIn } from '../../../src/objects/manifest-documents.ts';
import { TEXT_LIMITS } from '../../../src/objects/text-limits.ts';
import { parseYamlDocuments } from '../../../src/objects/yaml.ts';

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
  const result = parseYamlDocuments(second?.text ?? '', TEXT_LIMITS.document, second?.line);
  expect(result).toEqual({
    ok: false,
    faults: [{ field: '', message: 'line 4, column 1: this key is in the mapping already' }],
  });
});

it('a manifest is cut in linear time', () => {
  const before = performance.now();
  expect([...documentsIn(`${'---\n'.repeat(500_000)}${'%a\n'.repeat(500_000)}`)].length).toBeGreaterThan(400_000);
  expect(performance.now() - before).toBeLessThan(3_000);
});

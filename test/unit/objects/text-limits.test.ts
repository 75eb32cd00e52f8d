import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseBoundedJson } from '../../../src/objects/bounded-json.ts';
import { parseYamlDocuments } from '../../../src/objects/manifest/yaml.ts';
import { TEXT_LIMITS } from '../../../src/objects/text-limits.ts';
import { processorTime } from '../../support/host/process.ts';
import { faultLines } from '../../support/suite/expectations.ts';

/** Keys, values, lists and mappings. */
function nodesOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  const entries = Object.entries(value);
  const keys = Array.isArray(value) ? 0 : entries.length;
  return entries.reduce((sum, [, item]) => sum + nodesOf(item), 1 + keys);
}

const withNodes = (nodes: number) => ({ ...TEXT_LIMITS.document, nodes });
const words = fc.string({ unit: fc.constantFrom(...'ab c:-#,'), maxLength: 4 });
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    fc.oneof(words, fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie('tree'), { maxLength: 5 }),
    fc.dictionary(words, tie('tree'), { maxKeys: 5, noNullPrototype: true }),
  ),
}));

const LIMIT = 2_000;
/** Texts that cost most where they are parsed without a look at their size, each with some multiple of LIMIT nodes. */
const HOSTILE = {
  'nested lists': `${'- '.repeat(150)}a\n`.repeat(40),
  'short keys': Array.from({ length: 4_000 }, (_, index) => `k${index}:`).join('\n'),
  'the same key': 'k: 0\n'.repeat(4_000),
  'a flow list': `x: [${'0,'.repeat(5_000)}]`,
  'empty items': '-\n'.repeat(5_000),
  'empty mappings': '- {}\n'.repeat(5_000),
  'keys without values': `x: [${'{a},'.repeat(4_000)}]`,
  'pairs of nothing': `x: [${':,'.repeat(5_000)}]`,
  'lists in one line': `x: ${'['.repeat(150)}${']'.repeat(150)}\n`.repeat(40),
  'closing brackets': ']'.repeat(5_000),
  documents: '---\n'.repeat(5_000),
  directives: '%a\n'.repeat(5_000),
  comments: '#\n'.repeat(20_000),
  'blank lines': '\n'.repeat(40_000),
  anchors: '- &a\n'.repeat(4_000),
  tags: '- !a\n'.repeat(4_000),
  quotes: '"" '.repeat(5_000),
  'question marks': '?\n'.repeat(5_000),
  'JSON values': `[${'0,'.repeat(5_000)}0]`,
  'JSON keys': `{${Array.from({ length: 4_000 }, (_, index) => `"k${index}":0`).join()}}`,
  'JSON in JSON': `[${'[{}],'.repeat(2_000)}0]`,
  'no JSON, but brackets': `[${'0,'.repeat(5_000)}`,
  'one list, repeated': `a: &a [${'x,'.repeat(99)}]\n${Array.from({ length: 50 }, (_, index) => `b${index}: *a`).join('\n')}`,
  'one mapping, merged': `a: &a {${Array.from({ length: 99 }, (_, index) => `k${index}: x`).join()}}\n${Array.from({ length: 50 }, (_, index) => `b${index}: {<<: *a}`).join('\n')}`,
};

describe('a text', () => {
  it('is read when it has two thirds of the nodes of its limit, and never with one more than that, in whichever style', () => {
    fc.assert(
      fc.property(tree, fc.constantFrom('block', 'flow', 'json'), (value, style) => {
        const text =
          style === 'json'
            ? JSON.stringify([value])
            : stringify([value], { collectionStyle: style, aliasDuplicateObjects: false });
        const nodes = nodesOf([value]);
        expect(parseYamlDocuments(text, withNodes(Math.ceil(1.5 * nodes)))).toEqual({ ok: true, value: [[value]] });
        expect(faultLines(parseYamlDocuments(text, withNodes(nodes - 1))).join()).toMatch(
          /^: must have no more than \d+ keys, values, lists and mappings/,
        );
      }),
      { numRuns: 500 },
    );
  });

  it.each(Object.entries(HOSTILE))('of too many nodes is refused: %s', (_, text) => {
    expect(faultLines(parseYamlDocuments(text, withNodes(LIMIT)))).toEqual([
      ': must have no more than 2000 keys, values, lists and mappings, with what aliases repeat; split it into documents with "---" lines between them',
    ]);
  });

  it.each([
    ['a'.repeat(11), 10],
    ['é'.repeat(6), 10],
    ['- '.repeat(40_000_000), 4096],
  ])('of too many bytes is refused', (text, bytes) => {
    const before = processorTime();
    expect(faultLines(parseYamlDocuments(text, { bytes, nodes: 1, remedy: 'be brief' })).join()).toMatch(
      /^: must be no more than .*; be brief$/,
    );
    // Reading the largest of them takes minutes.
    expect(processorTime() - before).toBeLessThan(100);
  });

  it('may repeat by aliases no more than it may hold', () => {
    const text = `a: &a ${'x'.repeat(600)}\nb: [${'*a,'.repeat(20)}]`;
    expect(faultLines(parseYamlDocuments(text, { bytes: 1_000, nodes: 100, remedy: '' })).join()).toContain(
      'expand to too much',
    );
  });
});

describe('JSON', () => {
  it.each([
    ['more bytes', '"xxxxxxxxxxxxxxxxxxxx"', 'has more than 20 bytes'],
    ['more values', '[0,0,0,0,0]', 'has more than 5 values'],
    ['nesting', '['.repeat(300), 'is nested too deep'],
    ['malformed text', '{"hunter2', 'is not JSON'],
    ['bytes that are no text', Buffer.from([0xff]), 'is not JSON'],
  ])('with %s is not parsed', (what, text, message) => {
    const limits = { bytes: what === 'nesting' ? 1_000 : 20, nodes: what === 'nesting' ? 1_000 : 5 };
    expect(faultLines(parseBoundedJson(text, limits))).toEqual([`: ${message}`]);
  });

  it('within its limits is what it says', () => {
    expect(parseBoundedJson('{"a":[1,"\\u0061"]}', { bytes: 100, nodes: 5 })).toEqual({
      ok: true,
      value: { a: [1, 'a'] },
    });
  });
});

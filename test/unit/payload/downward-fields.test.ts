import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { downwardValue, goQuote } from '../../../src/payload/downward-fields.ts';
import { renderPayload } from '../../../src/payload/render-payload.ts';
import type { PodFacts } from '../../../src/spec/pod-facts.ts';
import type { FieldPath } from '../../../src/spec/volume-spec.ts';
import { podFacts, relativePath, renderInputs, secretSource } from '../../support/objects/builders.ts';

const POD: PodFacts = podFacts({
  labels: new Map([
    ['tier', 'back end'],
    ['app', 'web'],
    ['App', 'x'],
  ]),
  annotations: new Map([['note', 'two\nlines "quoted"']]),
  containers: [
    {
      name: 'main',
      limits: new Map([
        ['cpu', '1250m'],
        ['memory', '100'],
      ]),
      requests: new Map([['cpu', '250m']]),
    },
  ],
});

function textOf(value: Uint8Array | { readonly message: string }): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString() : `refused: ${value.message}`;
}

describe('fields', () => {
  test.each<[FieldPath, string]>([
    [{ kind: 'name' }, 'web-0'],
    [{ kind: 'namespace' }, 'default'],
    [{ kind: 'uid' }, POD.uid],
    [{ kind: 'labels' }, 'App="x"\napp="web"\ntier="back end"'],
    [{ kind: 'annotations' }, 'note="two\\nlines \\"quoted\\""'],
    [{ kind: 'label', key: 'tier' }, 'back end'],
    [{ kind: 'annotation', key: 'note' }, 'two\nlines "quoted"'],
    [{ kind: 'label', key: 'none' }, ''],
    [{ kind: 'annotation', key: 'none' }, ''],
  ])('%j', (field, text) => {
    expect(textOf(downwardValue({ kind: 'field', field }, renderInputs([], [], { pod: POD })))).toBe(text);
  });

  test('thousands of items that show the same share its bytes', () => {
    const inputs = renderInputs([], [], { pod: POD });
    const shown = (field: FieldPath) => downwardValue({ kind: 'field', field }, inputs);
    expect(shown({ kind: 'annotations' })).toBe(shown({ kind: 'annotations' }));
    expect(shown({ kind: 'label', key: 'app' })).toBe(shown({ kind: 'label', key: 'app' }));
    expect(shown({ kind: 'label', key: 'app' })).not.toBe(shown({ kind: 'annotation', key: 'app' }));
  });

  test('no labels are an empty file', () => {
    const inputs = renderInputs([], [], { pod: podFacts() });
    expect(textOf(downwardValue({ kind: 'field', field: { kind: 'labels' } }, inputs))).toBe('');
  });

  test('without the pod there is nothing to show: refused, together with what else is wrong', () => {
    const attributes = { mode: undefined, user: undefined, group: undefined };
    const value = { kind: 'field', field: { kind: 'name' } } as const;
    const downward = { kind: 'downwardAPI', items: [{ path: relativePath('name'), value, ...attributes }] } as const;
    const result = renderPayload(renderInputs([downward, secretSource('gone')]));
    expect(result).toMatchObject({ ok: false, reason: 'invalid' });
    expect(result.ok ? [] : result.faults).toHaveLength(2);
  });
});

describe('resources', () => {
  test.each([
    ['limits.cpu', '1', '2'],
    ['limits.cpu', '1m', '1250'],
    ['requests.cpu', '1', '1'],
    ['requests.cpu', '1m', '250'],
    ['limits.memory', '30', '4'],
    // Not set: a limit is the node's, a request is the limit, else nothing.
    ['limits.ephemeral-storage', '1', '5000'],
    ['requests.memory', '1', '100'],
    ['requests.ephemeral-storage', '1', '0'],
    // Huge pages are never overcommitted: what is not asked for is not there.
    ['limits.hugepages-2Mi', '1', '0'],
  ])('%s / %s is %s', (resource, divisor, text) => {
    const inputs = renderInputs([], [], {
      pod: POD,
      allocatable: new Map([
        ['cpu', '8'],
        ['ephemeral-storage', '5000'],
      ]),
    });
    expect(textOf(downwardValue({ kind: 'resource', containerName: 'main', resource, divisor }, inputs))).toBe(text);
  });

  test.each([
    ['other', 'limits.cpu', '1', 'no such container'],
    ['main', 'limits.ephemeral-storage', '1', 'the node does not say'],
    ['main', 'limits.cpu', '0', 'cannot count "1250m" in units of "0"'],
    ['main', 'limits.cpu', 'many', 'cannot count'],
  ])('container %s, %s / %s: refused', (containerName, resource, divisor, why) => {
    const value = { kind: 'resource', containerName, resource, divisor } as const;
    expect(textOf(downwardValue(value, renderInputs([], [], { pod: POD })))).toContain(why);
  });
});

test('a limit of zero is none', () => {
  const pod = podFacts({ containers: [{ name: 'main', limits: new Map([['cpu', '0']]), requests: new Map() }] });
  const inputs = renderInputs([], [], { pod, allocatable: new Map([['cpu', '8']]) });
  const value = { kind: 'resource', containerName: 'main', resource: 'limits.cpu', divisor: '1' } as const;
  expect(textOf(downwardValue(value, inputs))).toBe('8');
});

/** Reads a Go string literal back; throws for what Go would not accept between double quotes. */
function goUnquote(literal: string): string {
  expect(literal).toMatch(/^"(?:[^"\\\n]|\\(?:["\\abfnrtv]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}))*"$/u);
  const short: Record<string, string> = { a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
  return literal
    .slice(1, -1)
    .replace(/\\(?:x(..)|u(.{4})|U(.{8})|(.))/g, (_, x?: string, u?: string, U?: string, letter?: string) => {
      const digits = x ?? u ?? U;
      if (digits !== undefined) return String.fromCodePoint(Number.parseInt(digits, 16));
      return short[letter ?? ''] ?? letter ?? '';
    });
}

describe('Go quoting', () => {
  // Each right-hand side is what Go's strconv.Quote answers.
  test.each([
    ['', '""'],
    ['plain text', '"plain text"'],
    ['say "hi"\\', '"say \\"hi\\"\\\\"'],
    ['a\nb\tc\r', '"a\\nb\\tc\\r"'],
    ['\u0007\b\f\v', '"\\a\\b\\f\\v"'],
    ['\u0000\u001b\u007f', '"\\x00\\x1b\\x7f"'],
    ['grüezi ☺ 日本', '"grüezi ☺ 日本"'],
    ['\u0085\u00a0\u00ad\u2028\ufeff', '"\\u0085\\u00a0\\u00ad\\u2028\\ufeff"'],
    ['😀\u{e0001}', '"😀\\U000e0001"'],
    ['\ud800', '"\\ufffd"'],
    ["it's <&>", '"it\'s <&>"'],
  ])('%j', (text, quoted) => {
    expect(goQuote(text)).toBe(quoted);
  });

  test('any text comes back, and stays on one line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(goUnquote(goQuote(text))).toBe(text);
      }),
      { numRuns: 300 },
    );
  });
});

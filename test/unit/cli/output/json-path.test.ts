import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { orThrow } from '../../../../src/base/parsed.ts';
import { renderJsonPath } from '../../../../src/cli/output/json-path.ts';
import { parseJsonPath } from '../../../../src/cli/output/parse-json-path.ts';

const SECRET = {
  kind: 'Secret',
  metadata: { name: 'a', labels: { 'app.kubernetes.io/name': 'shop' } },
  data: { 'tls.crt': 'Y3J0', password: 'cHc=' },
  immutable: true,
};
const LIST = {
  kind: 'List',
  items: [SECRET, { kind: 'ServiceAccount', metadata: { name: 'b' }, secrets: [{ name: 's' }, { name: 't' }] }],
};

const render = (template: string, root: unknown): string => renderJsonPath(orThrow(parseJsonPath(template, '')), root);

describe('a template says', () => {
  test.each<[string, string]>([
    ['{.data.password}', 'cHc='],
    ['{ .data.password }', 'cHc='],
    ['{$.data.password}', 'cHc='],
    ['{@.data.password}', 'cHc='],
    [String.raw`{.data.tls\.crt}`, 'Y3J0'],
    ["{.data['tls.crt']}", 'Y3J0'],
    ['{.data["tls.crt"]}', 'Y3J0'],
    [String.raw`{.data['tls\.crt']}`, 'Y3J0'],
    [String.raw`{.metadata.labels.app\.kubernetes\.io/name}`, 'shop'],
    ["{['metadata']['name']}", 'a'],
    ['{.data.*}', 'Y3J0 cHc='],
    ['{.data[*]}', 'Y3J0 cHc='],
    ['{.metadata}', '{"name":"a","labels":{"app.kubernetes.io/name":"shop"}}'],
    ['{.immutable}', 'true'],
    ['{.kind}..{.kind}', 'Secret..Secret'],
    ['{.absent}{.absent.too}{.kind.deeper}{.kind[*]}', ''],
    ['{.constructor}{.data.__proto__}{.toString}', ''],
    ['name={.metadata.name}, } kind={.kind}', 'name=a, } kind=Secret'],
    [String.raw`{.kind}{"\n"}{"\t"}{'\r'}{"a\"}\\b"}\n`, 'Secret\n\t\ra"}\\b\\n'],
  ])('%s of one object', (template, expected) => {
    expect(render(template, SECRET)).toBe(expected);
  });

  test.each<[string, string]>([
    ['{.items[*].metadata.name}', 'a b'],
    ['{.items[0].kind} {.items[-1].kind}', 'Secret ServiceAccount'],
    ['{.items[1].secrets[*].name}', 's t'],
    ['{range .items[*]}{.metadata.name}{"\\n"}{end}', 'a\nb\n'],
    ['{range .items[*]}<{.kind}:{range .secrets[*]}({.name}){end}>{end}!', '<Secret:><ServiceAccount:(s)(t)>!'],
    ['{range .items[*].metadata.name}{@},{.},{end}', 'a,a,b,b,'],
  ])('%s of a list', (template, expected) => {
    expect(render(template, LIST)).toBe(expected);
  });

  test.each<[string, string]>([
    ['{.items[2]}', 'out-of-range'],
    ['{.items[-3]}', 'out-of-range'],
    ['{.kind[0]}', 'failed-precondition'],
  ])('%s of a list is %s', (template, code) => {
    expect(() => render(template, LIST)).toThrow(expect.objectContaining({ code }));
  });
});

describe('what is no template', () => {
  const messagesOf = (template: string): string[] => {
    const result = parseJsonPath(template, '-o jsonpath');
    return result.ok ? [] : result.faults.map(({ message }) => message);
  };

  test.each<[string, RegExp]>([
    ['', /has no \{/],
    ['.data.password', /has no \{/],
    ['{.data', /no closing brace/],
    ['{}', /not understood/],
    ['{data}', /not understood/],
    ['{.a .b}', /not understood/],
    ['{.a b}', /not understood/],
    ['{"a}', /not understood/],
    ['{.items[}', /not understood/],
    ['{..name}', /"\.\."/],
    ['{.items[*]..name}', /"\.\."/],
    ['{.items[?(@.kind=="Secret")]}', /is a filter/],
    ['{.items[0:2]}', /is a slice/],
    ["{.items[*]['kind','metadata']}", /is a union/],
    ['{end}', /\{end\} has no/],
    ['{range .items[*]}x', /\{range \.items\[\*\]\} has no \{end\}/],
    ['{range}{end}', /not understood/],
  ])('%s', (template, expected) => {
    expect(messagesOf(template)[0]).toMatch(expected);
  });

  test('every fault is told', () => {
    expect(messagesOf('{..a}{end}{range .b}{if}')).toHaveLength(4);
  });
});

test('any key is reached both ways, and only that key', () => {
  const key = fc.string({ minLength: 1 }).filter((text) => text !== '*');
  fc.assert(
    fc.property(key, key, (wanted, other) => {
      fc.pre(wanted !== other);
      const root = Object.fromEntries([
        [other, 'other'],
        [wanted, 'wanted'],
      ]);
      const escaped = wanted.replace(/./gs, '\\$&');
      return render(`{.${escaped}}{['${escaped}']}`, root) === 'wantedwanted';
    }),
  );
});

test('whatever is given, it is a template or faults, and text without braces stays as it is', () => {
  const pieces = fc.constantFrom(
    '{',
    '}',
    '.',
    '..',
    '[',
    ']',
    '*',
    '0',
    "'",
    '"',
    '\\',
    'a',
    'range ',
    'end',
    ' ',
    '@',
    ',',
  );
  fc.assert(fc.property(fc.array(pieces), (texts) => void parseJsonPath(texts.join(''), '')));
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!text.includes('{'));
      return render(`${text}{.a}${text}`, { a: '-' }) === `${text}-${text}`;
    }),
  );
});

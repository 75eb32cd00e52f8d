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
    ['{.metadata}', '{"labels":{"app.kubernetes.io/name":"shop"},"name":"a"}'],
    ['{..name}', 'a'],
    ['{..labels.*}', 'shop'],
    ["{['kind','absent','immutable']}", 'Secret true'],
    [String.raw`{"\u00e9\x41\101"}`, '\u00e9AA'],
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
    ['{.items[?(@.kind=="Secret")].metadata.name}', 'a'],
    ['{.items[?(@.kind!="Secret")].metadata.name}', 'b'],
    ['{.items[?(@.metadata.name>="b")].kind}', 'ServiceAccount'],
    ['{.items[?(@.immutable)].kind}', 'Secret'],
    ['{.items[?(@.immutable==true)].kind}', 'Secret'],
    ['{.items[?(@.secrets[5])].kind}', ''],
    ['{.items[?(@.absent!="x")].kind}', ''],
    ['{.items[0,-1].kind}', 'Secret ServiceAccount'],
    ['{.items[::2].kind}', 'Secret'],
    ['{..name}', 'a b s t'],
    ['{..secrets[1:].name}', 't'],
    ['{range .items[*].metadata.name}{@},{.},{end}', 'a,a,b,b,'],
  ])('%s of a list', (template, expected) => {
    expect(render(template, LIST)).toBe(expected);
  });

  test.each<[string, string]>([
    ['{.items[2]}', 'out-of-range'],
    ['{.items[-3]}', 'out-of-range'],
    ['{.kind[0]}', 'failed-precondition'],
    ['{.items[1:9]}', 'out-of-range'],
    ['{..[0]}', 'failed-precondition'],
    ['{.kind[?(@.a)]}', 'failed-precondition'],
    ['{.items[?(@.immutable=="true")]}', 'failed-precondition'],
    ['{.items[?(@.secrets[*].name=="s")]}', 'failed-precondition'],
    ['{.items[?(@.immutable>true)]}', 'failed-precondition'],
    ['{.items[?(@.metadata==@.metadata)]}', 'failed-precondition'],
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
    ['{}', /invalid/],
    ['{data}', /invalid/],
    ['{.a .b}', /invalid/],
    ['{.a b}', /invalid/],
    ['{"a}', /invalid/],
    ['{.items[}', /invalid/],
    ['{...name}', /more than two dots/],
    ['{.items[0:2:0]}', /step below 1/],
    ['{.items[]}', /brackets/],
    ["{.items['a',]}", /brackets/],
    ['{.items[?()]}', /write \[\?\(@\.type=="Opaque"\)\]/],
    ['{.items[?(type=="a")]}', /write \[/],
    ['{.items[?(@.type=="a" && @.b)]}', /not && and/],
    ['{.items[?(@.type="a")]}', /is an invalid filter; write/],
    ['{.items[?(@.a[?(@.b)])]}', /a filter inside a filter/],
    [String.raw`{.items[?(@.type=="\q")]}`, /unknown escape/],
    [String.raw`{"\q"}`, /unknown escape/],
    [`{.${'a'.repeat(65_536)}}`, /longer than 64 KiB/],
    [`${'{range .a}'.repeat(33)}${'{end}'.repeat(33)}`, /more than 32 ranges/],
    ['{end}', /\{end\} has no/],
    ['{range .items[*]}x', /\{range \.items\[\*\]\} has no \{end\}/],
    ['{range}{end}', /invalid/],
  ])('%s', (template, expected) => {
    expect(messagesOf(template)[0]).toMatch(expected);
  });

  test('every fault is told', () => {
    expect(messagesOf('{a}{end}{range .b}{if}')).toHaveLength(4);
  });
});

describe('what multiplies is bounded', () => {
  const nested = (levels: number): unknown =>
    levels === 0 ? '' : { a: Array.from({ length: 20 }, () => nested(levels - 1)) };
  const members = Array.from({ length: 9_000 }, () => "'a'").join();

  test.each<[what: string, template: string]>([
    ['unions of unions', `{.a${'[*,*,*,*]'.repeat(40)}}`],
    ['ranges in ranges', `${'{range .a[*,*,*,*,*,*]}'.repeat(3)}${'{"x"}'.repeat(9)}${'{end}'.repeat(3)}`],
    ['steps down', `{${'..a[*,*,*,*,*,*]'.repeat(30)}}`],
    ['texts without a letter', `{range ..}${'{""}'.repeat(9_000)}{end}`],
    ['filters that nothing passes', `{range .a[*].a[*]}{[${members}][?("a"=="b")]}{end}`],
  ])('%s', (_, template) => {
    const data = nested(3);
    const before = process.cpuUsage();
    expect(() => render(template, data)).toThrow(expect.objectContaining({ code: 'resource-exhausted' }));
    expect(process.cpuUsage(before).user).toBeLessThan(30_000_000);
  });

  test('a text that is much longer than what it is about', () => {
    const templates = '{.}'.repeat(20_000);
    expect(() => render(templates, { a: 'x'.repeat(10_000) })).toThrow(/output exceeds 128 MiB/);
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
    ':',
    '?(',
    ')]',
    '==',
  );
  fc.assert(fc.property(fc.array(pieces), (texts) => void parseJsonPath(texts.join(''), '')));
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!text.includes('{'));
      return render(`${text}{.a}${text}`, { a: '-' }) === `${text}-${text}`;
    }),
  );
});

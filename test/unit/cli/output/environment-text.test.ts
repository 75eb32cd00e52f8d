import { execFileSync } from 'node:child_process';
import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type EnvironmentFormat, formatEnvironment } from '../../../../src/cli/output/environment-text.ts';

type Values = Readonly<Record<string, string | Uint8Array>>;

function write(format: EnvironmentFormat, values: Values) {
  const variables = Object.entries(values).map(([name, value]) => ({ name, value: Buffer.from(value) }));
  return formatEnvironment(format, variables);
}

const textOf = (format: EnvironmentFormat, values: Values) => Buffer.from(write(format, values).bytes).toString();

const HOSTILE = [
  '$(touch /tmp/x)',
  '`id`',
  "'; id; '",
  "a'b",
  '"',
  '\\',
  '$HOME',
  '!!',
  '~',
  '*',
  '\n',
  '\r\n',
  ' ',
  '#',
  'é',
  '',
];
const hostile = fc.array(fc.constantFrom(...HOSTILE), { maxLength: 6 }).map((parts) => parts.join(''));
/** No variable can hold a NUL byte. */
const anyText = fc.oneof(
  hostile,
  fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
);

describe('shell', () => {
  test('each variable is exported, its value in single quotes', () => {
    expect(textOf('shell', { A: 'b', B: '', C: "it's" })).toBe("export A='b'\nexport B=''\nexport C='it'\\''s'\n");
  });

  test('a real shell has the same bytes, however hostile, after eval "$(…)"', () => {
    const anyBytes = fc.uint8Array({ min: 1, maxLength: 40 });
    const values = fc.array(
      fc.oneof(
        anyText.map((text) => Buffer.from(text)),
        anyBytes,
      ),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(values, (list) => {
        const variables = list.map((value, index) => ({ name: `V_${index}`, value }));
        const { bytes } = formatEnvironment('shell', variables);
        const script = `eval "$(cat)"; exec env -0`;
        const environment = execFileSync('/bin/sh', ['-c', script], { input: bytes, env: { PATH: process.env.PATH } });
        const seen = environment.toString('latin1').split('\0');
        for (const { name, value } of variables) {
          expect(seen).toContain(`${name}=${Buffer.from(value).toString('latin1')}`);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('a name that no shell has is left out, and said', () => {
    const { bytes, leftOut } = write('shell', { 'a.b': '1', good_1: '2', 'c-d': '3' });
    expect(Buffer.from(bytes).toString()).toBe("export good_1='2'\n");
    expect(leftOut).toEqual(['a.b', 'c-d']);
  });
});

describe('dotenv', () => {
  test.each([
    ['plain', 'A=plain\n'],
    ['', 'A=\n'],
    ['two words', "A='two words'\n"],
    ['two\nlines', "A='two\nlines'\n"],
    ['#1', "A='#1'\n"],
    ['$HOME', "A='$HOME'\n"],
    ["it's", 'A="it\'s"\n'],
    ["it's $5", "A=`it's $5`\n"],
    ['C:\\', 'A=C:\\\n'],
  ])('%j', (value, text) => {
    expect(textOf('dotenv', { A: value })).toBe(text);
  });

  test.each([
    ['a\r', /carriage return/],
    ['a b\\', /ends with a backslash/],
    ['\'"`$', /every kind of quote; use -o shell, -o null or -o json$/],
    [new Uint8Array([0xff]), /not UTF-8; use -o shell or -o null$/],
  ])('%j cannot be written', (value, message) => {
    expect(() => write('dotenv', { A: value })).toThrow(
      expect.objectContaining({ code: 'failed-precondition', message: expect.stringMatching(message) }),
    );
  });

  test('Node reads every value that can be written as it was, with others around it', () => {
    fc.assert(
      fc.property(anyText, (value) => {
        let text: string;
        try {
          text = textOf('dotenv', { BEFORE: "it's", VALUE: value, AFTER: 'two words' });
        } catch {
          return fc.pre(false);
        }
        expect(parseEnv(text)).toEqual({ BEFORE: "it's", VALUE: value, AFTER: 'two words' });
      }),
      { numRuns: 500 },
    );
  });
});

describe('json and null', () => {
  test('json is one object, with any name', () => {
    const variables = [
      { name: '__proto__', value: Buffer.from('1') },
      { name: 'B', value: Buffer.from('"\n\ufeffé') },
    ];
    const text = Buffer.from(formatEnvironment('json', variables).bytes).toString();
    expect(Object.entries(JSON.parse(text) as object)).toEqual([
      ['__proto__', '1'],
      ['B', '"\n\ufeffé'],
    ]);
  });

  test('json holds text only', () => {
    expect(() => write('json', { A: new Uint8Array([0xff]) })).toThrow(/"A" as json: its value is not UTF-8/);
  });

  test('null holds everything', () => {
    const { bytes } = write('null', { A: 'x\ny', 'b.c': new Uint8Array([0xff]), D: '' });
    expect(Buffer.from(bytes).toString('latin1')).toBe('A=x\ny\0b.c=\xff\0D=\0');
  });
});

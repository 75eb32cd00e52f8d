import { expect, test } from 'vitest';
import { PflagCommand } from '../../../src/cli/pflag-command.ts';

function parse(words: readonly string[]): unknown {
  const command = new PflagCommand()
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .argument('[WORDS...]')
    .option('-A, --all', '', false)
    .option('-w, --watch', '', false)
    .option('--no-headers')
    .option('-n, --namespace <NAME>')
    .option('-o, --output <FORMAT>')
    .option('--dry-run [MODE]');
  command.parse(words, { from: 'user' });
  const { all, watch, headers, ...values } = command.opts();
  const on = Object.entries({ all, watch, headers }).filter(([, isOn]) => isOn === true);
  return { on: on.map(([name]) => name).join(' '), ...values, words: command.args };
}

const LINES: readonly (readonly [line: string, expected: object])[] = [
  ['', { on: 'headers' }],
  ['--all', { on: 'all headers' }],
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((word) => [`--all=${word}`, { on: 'all headers' }] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((word) => [`--all=${word}`, { on: 'headers' }] as const),
  ['--no-headers=true', { on: '' }],
  ['--no-headers=false', { on: 'headers' }],
  ['-A=true', { on: 'all headers' }],
  ['-wA=false', { on: 'watch headers' }],
  // The last one counts.
  ['--all --all=false', { on: 'headers' }],
  ['--all=false -wA', { on: 'all watch headers' }],
  ['--all=false --all=true', { on: 'all headers' }],
  // A switch takes no word that follows it.
  ['--all true', { on: 'all headers', words: ['true'] }],
  ['-o=json -n=t', { on: 'headers', output: 'json', namespace: 't' }],
  ['-An=shop', { on: 'all headers', namespace: 'shop' }],
  ['-ojsonpath={.a}=b', { on: 'headers', output: 'jsonpath={.a}=b' }],
  ['-o==', { on: 'headers', output: '=' }],
  ['-n=', { on: 'headers', namespace: '=' }],
  ['-o=a\nb', { on: 'headers', output: 'a\nb' }],
  // Values of other options, and words of another program.
  ['-n --all=true', { on: 'headers', namespace: '--all=true' }],
  ['-wn --all=true', { on: 'watch headers', namespace: '--all=true' }],
  ['--namespace -- --all=true', { on: 'all headers', namespace: '--' }],
  ['--dry-run --all=true', { on: 'all headers', dryRun: true }],
  ['--dry-run=--all=true', { on: 'headers', dryRun: '--all=true' }],
  ['x -- --all=true -o=json', { on: 'headers', words: ['x', '--all=true', '-o=json'] }],
];

test.each(LINES)('%j', (line, expected) => {
  expect(parse(line.split(' ').filter((word) => word !== ''))).toEqual({ words: [], ...expected });
});

test.each([
  ['--all=yes', 'yes'],
  ['-A=yes', 'yes'],
  ['--all=', ''],
  ['--all=tRUE', 'tRUE'],
  ['-wA=\u001b', '\\x1b'],
])('%j is refused', (word, shown) => {
  expect(() => parse([word])).toThrow(`--all is true or false, not "${shown}"; write --all or --all=false`);
});

import { CommanderError } from 'commander';
import { expect, test } from 'vitest';
import { invalid, LanternError } from '../../../src/base/errors.ts';
import { commandEnded, endingOf, PARTLY_FAILED, wrongUsage } from '../../../src/cli/exit.ts';

test.each<[string, unknown, { exitCode: number; message: string | undefined }]>([
  ['help', new CommanderError(0, 'commander.helpDisplayed', '(outputHelp)'), { exitCode: 0, message: undefined }],
  ['the version', new CommanderError(0, 'commander.version', '0.1.0'), { exitCode: 0, message: undefined }],
  ['the help command', new CommanderError(0, 'commander.help', '(outputHelp)'), { exitCode: 0, message: undefined }],
  ['no command', new CommanderError(1, 'commander.help', '(outputHelp)'), { exitCode: 2, message: undefined }],
  ['wrong usage', wrongUsage('no'), { exitCode: 2, message: 'no' }],
  ['part of the work', PARTLY_FAILED, { exitCode: 1, message: undefined }],
  ['a command of the user that failed', commandEnded(143), { exitCode: 143, message: undefined }],
  ['a failure', new LanternError('not-found', 'gone\u001b[2J'), { exitCode: 1, message: 'gone\\x1b[2J' }],
  ['one fault', invalid([{ field: 'a.b', message: 'bad' }]), { exitCode: 1, message: 'a.b: bad' }],
  [
    'several faults',
    invalid([
      { field: 'a', message: 'bad' },
      { field: '', message: 'worse' },
    ]),
    { exitCode: 1, message: '2 faults:\n  a: bad\n  worse' },
  ],
])('%s', (_name, error, ending) => {
  expect(endingOf(error, false)).toEqual(ending);
});

test('a bug is reported by its place, not by its message, which may quote a secret', () => {
  expect(endingOf(new TypeError('quotes\n    at s3cret.js:1:1'), false)).toEqual({
    exitCode: 1,
    message: expect.stringMatching(/^unexpected error: TypeError at exit\.test\.ts:\d+:\d+; this is a bug$/),
  });
});

test('an interrupted command says so rather than what broke because of it', () => {
  expect(endingOf(new LanternError('cancelled', 'x'), true)).toEqual({ exitCode: 1, message: 'interrupted' });
  expect(endingOf(AbortSignal.abort().reason, true)).toEqual({ exitCode: 1, message: 'interrupted' });
  expect(endingOf(new LanternError('internal', 'x'), true)).toEqual({ exitCode: 1, message: 'x' });
  expect(endingOf(wrongUsage('no'), true).exitCode).toBe(2);
});

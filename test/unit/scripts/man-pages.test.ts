import { spawnSync } from 'node:child_process';
import type { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeManPages } from '../../../scripts/package/man-pages.mjs';
import { hasProgram } from '../../../scripts/prerequisites.mjs';
import { systemClock } from '../../../src/base/clock.ts';
import { createProgram, loadAll } from '../../../src/cli/program.ts';
import { OPTIONS } from '../../../src/config/options.ts';
import { RecordedTerminal } from '../../support/suite/recorded-terminal.ts';

const cli = {
  terminal: new RecordedTerminal(),
  environment: {},
  user: { uid: 0 },
  clock: systemClock,
  signal: new AbortController().signal,
};
const program = createProgram(cli, { version: '1.2.3', runDaemon: async () => {} });
let pages: ReadonlyMap<string, string>;
beforeAll(async () => {
  await loadAll(program);
  pages = makeManPages(program, '1.2.3');
});

/** With `path` as in `lantern pod mount`. */
function commands(command: Command = program, path = 'lantern'): [path: string, command: Command][] {
  const named = command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.name() !== 'help');
  return [[path, command], ...named.flatMap((child) => commands(child, `${path} ${child.name()}`))];
}

/** The whole help, as a user sees it. */
function helpOf(command: Command): string {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 10_000 });
  command.outputHelp();
  return help;
}

/** In very long lines, so that no sentence is broken. */
function render(page: string): string {
  const { stdout, stderr, status } = spawnSync('groff', ['-ww', '-man', '-Tascii', '-rLL=2000n', '-P-cbou'], {
    input: page,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

test('every command has a page, and no page is of another', () => {
  const names = commands().map(([path]) => `${path.replaceAll(' ', '-')}.1`);
  expect([...pages.keys()]).toEqual(names);
  expect(names).toEqual(expect.arrayContaining(['lantern.1', 'lantern-mount.1', 'lantern-create-secret-tls.1']));
  expect(names).not.toContain('lantern-__complete.1');
});

describe.runIf(hasProgram('groff'))('rendered (needs groff)', () => {
  test('a page has each flag, argument, command and example of the help, without a warning', () => {
    for (const [path, command] of commands()) {
      const text = render(pages.get(`${path.replaceAll(' ', '-')}.1`) ?? '');
      const lines = text.split('\n').map((line) => line.trim());
      const help = helpOf(command);
      expect(text).toContain(path.replaceAll(' ', '-'));
      expect(text).toContain(command.usage().replaceAll(/\s+/g, ' '));
      for (const example of help.matchAll(/^ {2}(\$ .*)$/gm)) expect(lines).toContain(example[1]);
      const flags = [...help.matchAll(/^ {2}(-.*?)(?: {2,}(.*))?$/gm)];
      expect(flags.length).toBeGreaterThan(0);
      for (const [, flag = '', meaning = ''] of flags) {
        expect(text).toContain(flag.replaceAll(/<(.*)>/g, '$1'));
        expect(text).toContain(meaning);
      }
      const children = commands(command, path).filter(([, child]) => child.parent === command);
      for (const [name] of children) expect(text).toContain(`${name.replaceAll(' ', '-')}(1)`);
    }
  });

  test('the page of serve has each option of the daemon', () => {
    const text = render(pages.get('lantern-serve.1') ?? '');
    for (const { flag, help, defaultText, environment } of Object.values(OPTIONS)) {
      expect(text).toContain(flag);
      expect(text).toContain(`${help} (default: ${defaultText}; ${environment})`);
    }
  });

  test('texts with characters of roff come out as they are', () => {
    const odd = '.TH \'x\' "y" \\fB`a` ^b~ ...';
    const page = makeManPages(createProgram(cli, { version: '1', runDaemon: async () => {} }).description(odd), '1');
    expect(render(page.get('lantern.1') ?? '')).toContain(odd);
  });
});

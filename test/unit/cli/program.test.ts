import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { type Ending, endingOf } from '../../../src/cli/exit.ts';
import { createProgram } from '../../../src/cli/program.ts';
import type { Config } from '../../../src/config/config.ts';
import { OPTIONS } from '../../../src/config/options.ts';
import { RecordedTerminal } from '../../support/suite/recorded-terminal.ts';

/** By heading, in the order of the help. */
const GROUPS = {
  Objects: [
    ...['get', 'describe', 'create', 'apply', 'diff', 'edit', 'patch', 'label', 'annotate', 'replace', 'delete'],
    ...['kustomize', 'wait', 'api-resources'],
  ],
  Volumes: ['mount', 'unmount', 'volumes', 'volume', 'refresh', 'render'],
  Pods: ['pod', 'env', 'exec', 'registry-auth'],
  Events: ['watch', 'events', 'page'],
  Daemon: ['serve', 'health', 'doctor', 'jwks', 'rotate-signing-key'],
  Store: ['export', 'import', 'backup', 'restore', 'rekey'],
  Settings: ['config', 'completion', 'version', 'help'],
};
const COMMANDS = Object.values(GROUPS)
  .flat()
  .filter((name) => name !== 'help');

type Run = Ending & { readonly help: string; readonly config: Config | undefined };

/** Runs a command line against no daemon at all; `help` is what commander wrote. */
async function run(args: readonly string[], environment: Record<string, string> = {}): Promise<Run> {
  const terminal = new RecordedTerminal();
  const cli = { terminal, environment, user: { uid: 0 }, clock: systemClock, signal: new AbortController().signal };
  let help = '';
  let config: Config | undefined;
  const program = createProgram(cli, {
    version: '1.2.3',
    runDaemon: async (given) => {
      config = given;
    },
  });
  for (const command of withCommandsBelow(program)) {
    command.configureOutput({ writeOut: (text) => (help += text), writeErr: (text) => (help += text) });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return { exitCode: 0, message: undefined, help, config };
  } catch (error) {
    return { ...endingOf(error, false), help, config };
  }
}

function withCommandsBelow(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withCommandsBelow)];
}

describe('help', () => {
  test('lists every command by what one wants to do', async () => {
    const { exitCode, help } = await run(['--help']);
    expect(exitCode).toBe(0);
    const sections = help.split(/^(\w+):\n/m);
    const listed = Object.keys(GROUPS).map((heading) => {
      const section = sections[sections.indexOf(heading) + 1] ?? '';
      return [heading, [...section.matchAll(/^ {2}([\w-]+) .*/gm)].map(([, word]) => word)];
    });
    expect(Object.fromEntries(listed)).toEqual(GROUPS);
  });

  test.each(COMMANDS)('%s shows an example and the way to another socket', async (command) => {
    const { exitCode, help } = await run([command, '--help']);
    expect(exitCode).toBe(0);
    expect(help).toMatch(/Examples?:\n {2}\$ .*lantern /);
    expect(help).toContain(`lantern ${command}`);
    expect(help).toContain('LANTERN_SOCKET');
  });

  test.each(['mount', 'unmount', 'status'])('pod %s too', async (command) => {
    const { exitCode, help } = await run(['pod', command, '--help']);
    expect(exitCode).toBe(0);
    expect(help).toMatch(new RegExp(`Examples?:\\n {2}\\$ lantern pod ${command}`));
    expect(help).toContain('LANTERN_SOCKET');
  });

  test.each(['secret generic', 'secret tls', 'secret docker-registry', 'configmap', 'serviceaccount'])(
    'create %s too',
    async (command) => {
      const { exitCode, help } = await run(['create', ...command.split(' '), '--help']);
      expect(exitCode).toBe(0);
      expect(help).toMatch(new RegExp(`Examples?:\\n {2}\\$ .*lantern create ${command}`));
      expect(help).toContain('LANTERN_SOCKET');
    },
  );

  test('create secret generic says how to keep values out of sight', async () => {
    const { help } = await run(['create', 'secret', 'generic', '--help']);
    expect(help).toMatch(
      /Instead of --from-literal, pass a secret with --from-file=PATH, or with --from-file=KEY=- by stdin/,
    );
  });

  test('serve lists every setting with its default and its variable', async () => {
    const help = (await run(['serve', '--help'])).help.replaceAll(/\s+/g, ' ');
    for (const { flag, defaultText, environment } of Object.values(OPTIONS)) {
      expect(help).toContain(` ${flag} `);
      expect(help).toContain(`(default: ${defaultText}; ${environment})`);
    }
  });

  test('a flag is off by default without a word; other defaults are shown', async () => {
    const { help } = await run(['pod', 'mount', '--help']);
    expect(help).toContain('--open');
    expect(help).not.toContain('default: false');
    expect(help).toContain('default: 2m');
  });

  test('the help command is another way to ask', async () => {
    expect(await run(['help'])).toMatchObject({ exitCode: 0, help: expect.stringContaining('Objects:') });
    expect(await run(['help', 'get'])).toMatchObject({ exitCode: 0, help: expect.stringContaining('lantern get') });
    const nested = await run(['help', 'create', 'secret', 'tls']);
    expect(nested).toMatchObject({ exitCode: 0, help: expect.stringContaining('lantern create secret tls') });
    expect(await run(['help', 'nope'])).toMatchObject({ exitCode: 2, message: undefined });
  });

  test('the version', async () => {
    expect(await run(['--version'])).toMatchObject({ exitCode: 0, help: '1.2.3\n' });
  });
});

describe('serve', () => {
  test('hands flags and environment over to the configuration', async () => {
    const { config } = await run(['serve', '--target-root', '/a', '--target-root=/b', '--allow-disk'], {
      LANTERN_POOL_SIZE: '2Mi',
    });
    expect(config).toMatchObject({ targetRoots: ['/a', '/b'], allowDisk: true, poolBytes: 2 ** 21 });
  });

  test('bad settings are wrong usage, all at once', async () => {
    const { exitCode, message, config } = await run(['serve', '--pool-size', 'x', '--host', 'y']);
    expect(config).toBeUndefined();
    expect(exitCode).toBe(2);
    expect(message).toMatch(/^2 faults:\n {2}--host: .*\n {2}--pool-size: /);
  });
});

describe('wrong usage', () => {
  test('a file of a template is read to a limit', async () => {
    expect(await run(['get', 'secrets', '-o', 'jsonpath-file=/dev/zero'])).toMatchObject({
      exitCode: 1,
      message: 'read "/dev/zero": it is longer than 64 KiB',
    });
  });

  test.each<[string, RegExp]>([
    ['', /^undefined$/],
    [
      'completion tcsh',
      /^SHELL cannot be 'tcsh'\. Allowed choices are bash, zsh, fish; see "lantern completion --help"$/,
    ],
    ['aply', /unknown command 'aply'.*apply/s],
    ['serve --socket x', /--run-dir/],
    ['get', /^specify the objects: KIND \[NAME\] or KIND\/NAME$/],
    ['get secrets -f x', /^objects and -f or -k cannot be combined$/],
    ['get -f x -A', /^-f or -k and --all-namespaces cannot be combined$/],
    ['get -f https://example.com/x.yaml', /nothing is downloaded/],
    ['get secrets --field-selector tpye=x', /^--field-selector: "tpye" cannot be selected by; known here: /],
    ['get events --field-selector involved=x', /^--field-selector: "involved" cannot .*involvedObject.name/],
    ['get secrets -o custom-columns-file=/dev/null', /^\/dev\/null: must be a line of headings/],
    ['get secrets --sort-by {}', /^--sort-by: /],
    ['get secrets -L app -o yaml', /--label-columns needs a table/],
    ['get events -L app', /events have no labels; remove --label-columns/],
    ['get secrets -o custom-columns', /^-o custom-columns needs a value: -o custom-columns=NAME:/],
    ['get secrets -o custom-columns=NAME', /^-o custom-columns: "NAME" must be HEADING:PATH/],
    ['describe all', /there is no resource type "all"/],
    ['get secrets --sort-by {.a}{.b}', /^--sort-by: .* must be one path/],
    ['wait --for=delete', /missing required argument/],
    ['wait secret/a', /required option '--for <CONDITION>' not specified/],
    ['wait secret/a --for=ready', /^--for: "ready" is not understood; known are create/],
    ['wait secret/a --for=condition=Ready', /^objects have no conditions; use --for=jsonpath/],
    ['wait secrets --for=delete', /^name what to wait for, or use --selector or --all$/],
    ['wait secret/a --all --for=delete', /^names cannot be combined with --selector or --all$/],
    ['wait volume --for=delete', /^name the volumes to wait for: volume ID$/],
    ['wait volume/a secret/b --for=delete', /^volumes and objects cannot be combined$/],
    ['wait secret/a --for=delete --timeout soon', /must be a duration such as 30s/],
    ['get secrets --outptu json', /unknown option '--outptu'.*--output/s],
    ['get secrets -o xml', /Allowed choices are yaml, json, name, wide/],
    ['get secret a -A', /^names cannot be combined with --all-namespaces$/],
    ['get secret a b --watch', /--watch takes one kind or one object/],
    ['get secret a -l x=y', /^names cannot be combined with --selector$/],
    ['get secrets -l x=y=z', /^--selector: "x=y=z" is not understood; /],
    ['get secrets -o jsonpath', /^-o jsonpath needs a value: -o jsonpath='/],
    ['get secrets -o jsonpath={x}{end}', /^2 faults:\n {2}-o jsonpath: .*\n {2}-o jsonpath: /],
    ['get secrets -o jsonpath=.data', /^-o jsonpath: has no \{…\}/],
    ['get secrets --show-labels -o yaml', /--show-labels needs a table/],
    ['get events --show-labels', /events have no labels/],
    [
      'delete secret x --ignore-not-found=yes',
      /^--ignore-not-found is true or false, not "yes"; write --ignore-not-found or --ignore-not-found=false; see/,
    ],
    ['get secert', /did you mean "secret"/],
    ['apply', /^one of -f FILE and -k DIR is required$/],
    ['apply stray -f x', /too many arguments/],
    ['delete', /^specify the objects: KIND \[NAME\] or KIND\/NAME$/],
    ['export x', /--key-file FILE is required, with --new-key.*daemon's own/],
    ['export --key-file k -', /name a FILE/],
    ['export --plain x', /--yes-write-secrets-in-the-clear/],
    ['export --yes-write-secrets-in-the-clear --key-file k x', /needs --plain/],
    ['export --plain --yes-write-secrets-in-the-clear --key-file k x', /takes no key/],
    ['import x', /--key-file/],
    ['import --key-file k --overwrite --skip-existing x', /cannot be combined/],
    ['create', /^undefined$/],
    ['create secret', /^undefined$/],
    ['create secret generic', /missing required argument 'NAME'; see "lantern create secret generic --help"$/],
    ['create secret tls x --cert y', /required option .*--key/],
    ['create secret docker-registry x --docker-username me', /--docker-username and --docker-password.* are required/],
    ['create secret docker-registry x --docker-username me --from-file y', /cannot be combined/],
    ['create sa x --append-hash', /unknown option '--append-hash'/],
    ['create cm x --from-env-file y --from-literal a=b', /cannot be combined/],
    ['create cm x --from-literal s3cr3t', /^--from-literal must be KEY=VALUE$/],
    ['create cm x --from-file a=b=c', /neither key nor path may hold "="/],
    ['create cm x --from-file =c', /must be PATH or KEY=PATH/],
    ['create cm x --from-file -', /needs a key for stdin/],
    ['create cm x --from-file k=/dev', /gives a key, but "\/dev" is a directory/],
    [
      'create secret docker-registry x --docker-server= --docker-username=u --docker-password=p',
      /^--docker-server must not/,
    ],
    ['create secret generic x --type=', /^--type must not be empty; leave it out, or set the variable/],
    ['create secret generic x --from-file=', /^--from-file must not be empty/],
    ['create secret generic x --from-literal=a=b --from-literal=', /^--from-literal must not be empty/],
    ['create cm x --namespace=', /^--namespace must not be empty/],
    ['delete secret --selector=', /^--selector must not be empty/],
    ['get secrets --socket=', /^--socket must not be empty/],
    ['create cm x --from-literal a=\uFFFD', /--from-literal has bytes that are not UTF-8.*--from-file/],
    ['create secret docker-registry x --docker-username u --docker-password \uFFFD', /^--docker-password has bytes/],
    ['create cm x --dry-run=never', /Allowed choices are none, client, server/],
    ['describe pods', /there is no resource type "pods"/],
    ['edit secret', /^specify one object to edit$/],
    ['edit secret a b', /^specify one object to edit$/],
    ['edit secret/a cm/b', /^specify one object to edit$/],
    ['delete secrets', /name the secrets to delete/],
    ['delete secret x -f y', /cannot be combined/],
    ['mount', /missing required argument 'TARGET'/],
    ['mount /t', /^exactly one of -f, --secret, --config-map and --projected-volume is required$/],
    [
      'mount /t --secret a --config-map b',
      /^exactly one of -f, --secret, --config-map and --projected-volume is required$/,
    ],
    ['mount /t --secret a --wait soon', /must be a duration such as 30s/],
    ['mount /t --secret a --mount-group wheel', /numeric group ID/],
    ['mount /t --secret a --data-file x', /must be KEY=PATH/],
    ['mount /t --secret a --data-file x=/dev/null --data-file x=/dev/null', /key "x" is given twice/],
    ['unmount', /is required$/],
    ['unmount --all', /--all needs --id/],
    ['unmount --id x', /--id needs a TARGET, or --all/],
    ['unmount /t --id x --all', /TARGET and --all cannot be combined/],
    ['volume', /missing required argument 'ID'/],
    ['render', /^exactly one of -f, --secret, --config-map and --projected-volume is required$/],
  ])('lantern %s', async (line, expected) => {
    const { exitCode, message } = await run(line.split(' ').filter((word) => word !== ''));
    expect(exitCode).toBe(2);
    expect(String(message)).toMatch(expected);
  });

  test.each([[['delete', 'secret', '']], [['get', 'secret', 'a', '']], [['unmount', '']], [['create', 'cm', '']]])(
    'an empty argument of %j',
    async (words) => {
      const { exitCode, message } = await run(words);
      expect({ exitCode, message }).toEqual({ exitCode: 2, message: expect.stringMatching(/must not be empty; set/) });
    },
  );
});

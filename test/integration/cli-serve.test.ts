import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { expect, test, vi } from 'vitest';
import { DatagramReceiver } from '../support/host/datagram-receiver.ts';
import { CommandLine, endOf } from '../support/suite/command-line.ts';

test('serve says when it is ready, and ends in order with mounts in place', async () => {
  await using shell = new CommandLine();
  const ready = await shell.serve();
  expect(ready).toContain(shell.socket);
  expect(ready).toContain('direct');
  expect(statSync(shell.socket).mode & 0o777).toBe(0o600);
  await shell.runWithInput(
    'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: v}\n',
    'apply',
    '-f',
    '-',
  );
  const target = shell.target('t');
  await shell.output('mount', '--secret', 's', target);
  expect(await shell.stopServing()).toBe(0);
  expect(existsSync(shell.socket)).toBe(false);
  expect(readFileSync(`${target}/k`, 'utf8')).toBe('v');

  await shell.serve('--unmount-on-exit');
  expect(await shell.stopServing()).toBe(0);
  expect(existsSync(target)).toBe(false);
});

test('serve tells its service manager when it is ready, that it lives, and when it stops', async () => {
  await using shell = new CommandLine();
  using receiver = new DatagramReceiver(shell.at('notify'));
  vi.stubEnv('NOTIFY_SOCKET', receiver.name);
  vi.stubEnv('WATCHDOG_USEC', '100000');
  try {
    const ready = await shell.serve();
    expect(receiver.receive()).toEqual(expect.arrayContaining([`READY=1\nSTATUS=${ready}`]));
    const before = receiver.receive().length;
    await vi.waitFor(() => expect(receiver.receive().slice(before)).toEqual(expect.arrayContaining(['WATCHDOG=1'])));
    expect(receiver.receive()).not.toEqual(expect.arrayContaining([expect.stringMatching(/STOPPING/)]));
    await shell.stopServing();
    expect(receiver.receive()).toEqual(expect.arrayContaining([expect.stringMatching(/^STOPPING=1/)]));
  } finally {
    vi.unstubAllEnvs();
  }
});

test('a second daemon for the same run directory is refused, and says who is there', async () => {
  await using shell = new CommandLine();
  await shell.serve();
  const { code, stdout, stderr } = await shell.run('serve', '--run-dir', shell.at('run'), '--publisher', 'direct');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain(shell.at('run'));
});

test('SIGUSR1, which starts a debugger in any other Node process, does nothing', async () => {
  await using shell = new CommandLine();
  const daemon = shell.start('serve', '--run-dir', shell.at('run'), '--publisher', 'direct');
  if (daemon.stdout === null || daemon.stderr === null) throw new Error('a stream is missing');
  const complaints = text(daemon.stderr);
  try {
    await once(daemon.stdout, 'data');
    daemon.kill('SIGUSR1');
    await shell.output('volumes');
  } finally {
    expect(await endOf(daemon, 'SIGTERM')).toBe(0);
  }
  expect(await complaints).not.toMatch(/debugger|inspector/i);
});

test('without a daemon each error says what to do', async () => {
  await using shell = new CommandLine();
  const { code, stderr } = await shell.run('get', 'secrets');
  expect(code).toBe(1);
  expect(stderr).toBe(
    `lantern: cannot reach the daemon at "${shell.socket}": the socket does not exist; ` +
      'start it with "lantern serve", or set --socket or LANTERN_SOCKET\n',
  );
  const elsewhere = await shell.run('volumes', '--socket', shell.file('a-file', ''));
  expect(elsewhere.code).toBe(1);
  expect(elsewhere.stderr).toMatch(/^lantern: cannot reach the daemon at ".*a-file": nothing listens there; start it/);
});

test('wrong usage ends with 2 and one line', async () => {
  await using shell = new CommandLine();
  expect(await shell.run('get', 'secrets', '--no-such')).toEqual({
    code: 2,
    stdout: '',
    stderr: 'lantern: unknown option \'--no-such\'; see "lantern get --help"\n',
  });
  const twice = await shell.run('apply', '-f', '-', '-f', '-');
  expect(twice.code).toBe(2);
  expect(twice.stderr).toBe('lantern: stdin ("-") can be read only once\n');
});

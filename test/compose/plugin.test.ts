import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stepsOf } from '../../scripts/conformance/console-blocks.mjs';
import { canCompose } from '../../scripts/docker.mjs';
import { DisposalStack } from '../../src/base/disposal-stack.ts';
import { connect, type LanternClient } from '../../src/rpc/client.ts';
import { DockerEngine } from '../support/docker/docker-engine.ts';
import { makeStandInImage } from '../support/docker/stand-in-image.ts';
import { mountsBelow } from '../support/projection/daemon-harness.ts';
import { endOf, firstLine } from '../support/suite/command-line.ts';
import { compiled, TOP } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const IMAGE = 'lantern-test-stand-in-plugin';
const PLUGINS = '/run/docker/plugins';
const PATH = '/run/secrets/db/password';

/** A daemon in a process of its own. The engine finds its plugin by the directory of the socket. */
class PluginDaemon implements AsyncDisposable {
  readonly directory = new TempDir('/dev/shm');
  readonly driver: string;
  #process: ChildProcess | undefined;
  #client: LanternClient | undefined;

  constructor(driver: string) {
    this.driver = driver;
  }

  async start(): Promise<void> {
    const flags = {
      'run-dir': this.directory.at('run'),
      'data-dir': this.directory.at('data'),
      'docker-plugin-socket': `${PLUGINS}/${this.driver}.sock`,
      'sync-period': '500ms',
      'log-level': 'error',
    };
    const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
    this.#process = spawn(process.execPath, [compiled('src/main.ts'), 'serve', ...args]);
    await firstLine(this.#process);
    this.#client = connect(this.directory.at('run/lantern.sock'));
  }

  async kill(): Promise<void> {
    this.#client?.close();
    if (this.#process === undefined) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }

  async applySecret(password: string): Promise<void> {
    const object = { metadata: { name: 'db' }, secret: { data: { password: Buffer.from(password) } } };
    await this.#client?.objects.apply({ object });
  }

  /** Mountpoints that exist. */
  get mountpoints(): readonly string[] {
    return readdirSync(this.directory.at('run/docker'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client?.close();
    if (this.#process !== undefined) await endOf(this.#process, 'SIGTERM');
    expect(mountsBelow(this.directory.at('run/docker'))).toEqual([]);
    expect(existsSync(`${PLUGINS}/${this.driver}.sock`)).toBe(false);
    this.directory[Symbol.dispose]();
  }
}

describe.runIf(canCompose())('the volume plugin (needs root and a Docker engine)', () => {
  const parts = new DisposalStack();
  let engine: DockerEngine;
  let daemon: PluginDaemon;

  const docker = (...args: readonly string[]) => engine.docker(...args);
  const volume = (name: string, ...options: readonly string[]) =>
    docker('volume', 'create', '--driver', daemon.driver, ...options.flatMap((option) => ['--opt', option]), name);
  const START = ['run', '--detach', '--network=none', '--init'];
  const start = async (name: string, ...args: readonly string[]) => {
    await docker(...START, '--name', name, ...args, IMAGE, 'sleep', 'infinity');
  };
  const inside = (name: string, ...command: readonly string[]) => docker('exec', name, ...command);
  /** Waits inside the container. */
  const shows = async (name: string, password: string) => {
    await inside(name, 'sh', '-c', `until [ "$(cat ${PATH})" = "${password}" ]; do sleep 0.01; done`);
  };

  beforeAll(async () => {
    engine = parts.use(await DockerEngine.start());
    parts.defer(async () => void (await docker('rmi', '--force', IMAGE)));
    await makeStandInImage(engine, IMAGE);
    daemon = parts.use(new PluginDaemon(`lanterntest${process.pid}`));
    await daemon.start();
    await daemon.applySecret('first');
  });

  afterAll(async () => {
    await parts[Symbol.asyncDispose]();
  });

  test('owner, mode and updates reach two containers that share a volume; nothing is left', async () => {
    await volume('lt-db', 'secretName=db', 'defaultMode=0440', 'user=1000', 'group=2000');
    for (const name of ['lt-a', 'lt-b']) await start(name, '--user=1000', '--volume', `lt-db:/run/secrets/db:ro`);
    expect(await inside('lt-a', 'cat', PATH)).toBe('first');
    expect(await inside('lt-a', 'stat', '-L', '-c', '%a %u:%g', PATH)).toBe('440 1000:2000\n');
    await expect(inside('lt-a', 'sh', '-c', '> /run/secrets/db/new')).rejects.toThrow(/Read-only file system/);
    await daemon.applySecret('second');
    for (const name of ['lt-a', 'lt-b']) await shows(name, 'second');

    const [status] = JSON.parse(await docker('volume', 'inspect', 'lt-db'));
    expect(status.Status).toMatchObject({
      state: 'ready',
      uses: 2,
      objects: [expect.stringMatching(/^Secret\/db at /)],
    });
    await expect(docker('volume', 'rm', 'lt-db')).rejects.toThrow(/volume is in use/);
    await docker('volume', 'prune', '--force');
    await docker('rm', '--force', 'lt-a');
    expect(await inside('lt-b', 'cat', PATH)).toBe('second');
    await docker('rm', '--force', 'lt-b');
    expect(daemon.mountpoints).toEqual([]);
    await docker('volume', 'rm', 'lt-db');
    expect(readdirSync(daemon.directory.at('data/docker'))).toEqual(['lock']);
    await daemon.applySecret('first');
  });

  test('a volume over a directory of the image with files shows the volume', async () => {
    await volume('lt-over', 'secretName=db');
    await start('lt-over', '--volume', 'lt-over:/opt');
    expect(await inside('lt-over', 'cat', '/opt/password')).toBe('first');
    await docker('rm', '--force', 'lt-over');
    await docker('volume', 'rm', 'lt-over');
    expect(daemon.mountpoints).toEqual([]);
  });

  test('faults of options and a missing Secret are reported where the user is', async () => {
    await expect(volume('lt-bad', 'secretNam=db', 'user=root')).rejects.toThrow(
      /did you mean "secretName"\?.*options: must have one of spec, .*options\[user\]: /,
    );
    await volume('lt-none', 'secretName=none');
    const args = ['--rm', '--network=none', '--volume', 'lt-none:/s', IMAGE, 'ls'];
    await expect(docker('run', ...args)).rejects.toThrow(/Secret default\/none does not exist/);
    expect(daemon.mountpoints).toEqual([]);
    await docker('volume', 'rm', 'lt-none');
    await expect(docker('volume', 'inspect', 'lt-bad')).rejects.toThrow(/[Nn]o such volume/);
  });

  test('a killed daemon: containers keep their files, and see updates from the next one', async () => {
    await volume('lt-kill', 'secretName=db');
    await start('lt-kill', '--volume', 'lt-kill:/run/secrets/db');
    const before = mountsBelow(daemon.directory.at('run/docker'));
    await daemon.kill();
    expect(await inside('lt-kill', 'cat', PATH)).toBe('first');
    // The engine waits for the plugin while it is away.
    const waiting = start('lt-wait', '--volume', 'lt-kill:/run/secrets/db');
    await daemon.start();
    await waiting;
    expect(mountsBelow(daemon.directory.at('run/docker'))).toEqual(before);
    await daemon.applySecret('second');
    for (const name of ['lt-kill', 'lt-wait']) await shows(name, 'second');
    await daemon.applySecret('first');
    await docker('rm', '--force', 'lt-kill', 'lt-wait');
    expect(daemon.mountpoints).toEqual([]);
    await docker('volume', 'rm', 'lt-kill');
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'an engine restarted by %s: nothing stays mounted for ever',
    async (signal) => {
      if (!engine.isOwn) return;
      await volume('lt-engine', 'secretName=db');
      await start('lt-engine', '--volume', 'lt-engine:/run/secrets/db');
      await engine.restart(signal);
      // The engine has ended the container. After SIGKILL it unmounts nothing.
      await expect.poll(() => daemon.mountpoints).toEqual([]);
      await docker('start', 'lt-engine');
      expect(await inside('lt-engine', 'cat', PATH)).toBe('first');
      await docker('rm', '--force', 'lt-engine');
      expect(daemon.mountpoints).toEqual([]);
      await docker('volume', 'rm', 'lt-engine');
    },
  );

  test('the commands of docs/docker-compose.md run as they stand there', async () => {
    // They need images and a driver of common names.
    if (!engine.isOwn || existsSync(`${PLUGINS}/lantern.sock`)) return;
    await makeStandInImage(engine, 'busybox');
    using place = new TempDir('/dev/shm');
    const programs = { lantern: `exec ${process.execPath} ${compiled('src/main.ts')} "$@"`, sudo: 'exec "$@"' };
    for (const [name, command] of Object.entries(programs)) {
      writeFileSync(place.at(name), `#!/bin/sh\n${command}\n`);
      chmodSync(place.at(name), 0o755);
    }
    const steps = stepsOf(readFileSync(`${TOP}/docs/docker-compose.md`, 'utf8'), 'Driver `lantern`');
    expect(steps.length).toBeGreaterThan(8);
    const script = steps.map(({ command }, index) => {
      const ready = index === 0 ? 'until lantern health >/dev/null 2>&1; do sleep 0.1; done' : ':';
      return `{ ${command}\n} 2>error; echo "@@ $?"; ${ready}`;
    });
    const env = {
      ...{ ...process.env, ...engine.environment, PATH: `${place.path}:${process.env.PATH}` },
      ...{ LANTERN_RUN_DIR: place.at('run'), LANTERN_DATA_DIR: place.at('data') },
      LANTERN_SOCKET: place.at('run/lantern.sock'),
    };
    const bash = spawn('bash', ['-c', `${script.join('\n')}\nkill %1; wait`], { cwd: place.path, env });
    const [printed] = await Promise.all([text(bash.stdout), once(bash, 'close')]);
    // The daemon says so whenever it is.
    const found = printed.replace(/^lantern is ready: .*\n/m, '').split(/@@ (\d+)\n/);
    for (const [index, { command, output }] of steps.entries()) {
      const [shown = '', code] = found.slice(2 * index, 2 * index + 2);
      expect({ command, code, shown: shown.trimEnd() }).toEqual({ command, code: '0', shown: output.join('\n') });
    }
    expect(mountsBelow(place.at('run/docker'))).toEqual([]);
    expect(existsSync(`${PLUGINS}/lantern.sock`)).toBe(false);
    await docker('rmi', '--force', 'busybox');
  });
});

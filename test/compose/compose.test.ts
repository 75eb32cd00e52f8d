import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canCompose } from '../../scripts/docker.mjs';
import { hasAppArmor, hasAppArmorParser } from '../../scripts/prerequisites.mjs';
import { DisposalStack } from '../../src/base/disposal-stack.ts';
import { DockerEngine } from '../support/docker/docker-engine.ts';
import { makeStandInImage } from '../support/docker/stand-in-image.ts';
import { SharedMount } from '../support/host/mounts.ts';
import { mountsBelow } from '../support/projection/daemon-harness.ts';
import { TOP } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const STAND_IN = 'lantern-test-stand-in';
const IMAGE = 'lantern-test';
const APPARMOR_PROFILE = `${TOP}/deploy/security/apparmor`;
/** How long an update may take to be seen in a container. */
const UPDATE_MS = 1_000;
const PROFILES = ['--profile', 'bind', '--profile', 'bind-client', '--profile', 'direct', '--profile', 'direct-client'];

test.runIf(hasAppArmorParser())('the profile for AppArmor is one (needs apparmor_parser)', () => {
  const { status, stderr } = spawnSync('apparmor_parser', ['-QK', APPARMOR_PROFILE], { encoding: 'utf8' });
  expect({ status, stderr: stderr.replaceAll(/^Cache read.write disabled.*\n/gm, '') }).toEqual({
    status: 0,
    stderr: '',
  });
});

describe.runIf(canCompose())('docker-compose (needs root and a Docker engine)', () => {
  const parts = new DisposalStack();
  let engine: DockerEngine;
  let host: SharedMount;
  let manifests: TempDir;
  const project = `lanterntest${process.pid}`;

  const environment = () => ({
    COMPOSE_PROJECT_NAME: project,
    LANTERN_RUN_DIR: host.at('run'),
    LANTERN_VOLUMES_DIR: host.at('volumes'),
    LANTERN_MANIFESTS: manifests.path,
    LANTERN_IMAGE: IMAGE,
    LANTERN_CONSUMER_IMAGE: STAND_IN,
    LANTERN_BUILD_IMAGE: STAND_IN,
    LANTERN_BASE_IMAGE: STAND_IN,
    LANTERN_BUILD_NETWORK: 'host',
    ...(hasAppArmor() ? { LANTERN_APPARMOR_PROFILE: 'lantern' } : {}),
    DOCKER_BUILDKIT: '0',
    COMPOSE_DOCKER_CLI_BUILD: '0',
  });
  const compose = (...args: readonly string[]) =>
    engine.compose(environment(), '-f', `${TOP}/docker-compose.yml`, ...args);
  const containerOf = async (service: string) => {
    const labels = { project, service };
    const filters = Object.entries(labels).flatMap(([key, value]) => [
      '--filter',
      `label=com.docker.compose.${key}=${value}`,
    ]);
    return (await engine.docker('ps', '--quiet', '--filter', 'status=running', ...filters)).trim();
  };
  const inside = async (service: string, ...command: readonly string[]) =>
    engine.docker('exec', await containerOf(service), ...command);
  const setPassword = (file: string, password: string) => {
    const path = manifests.at(file);
    writeFileSync(path, readFileSync(path, 'utf8').replace(/password: .*/, `password: ${password}`));
  };

  /**
   * How long after `update` was done a container saw the contents, in milliseconds. It looks all the time, and has
   * begun to before the update, so that beginning does not count.
   */
  async function delayOf(update: () => unknown, service: string, path: string, contents: string): Promise<number> {
    const look = `echo looking; until [ "$(cat ${path})" = "${contents}" ]; do :; done; echo seen`;
    const lines = engine.lines('exec', await containerOf(service), 'sh', '-c', look);
    expect((await lines.next()).value).toBe('looking');
    await update();
    const done = performance.now();
    expect((await lines.next()).value).toBe('seen');
    return performance.now() - done;
  }

  /** SIGKILL, as the kernel's memory killer would; the container is started again and answers. */
  async function killAndRestart(service: string): Promise<void> {
    const id = await containerOf(service);
    await engine.docker('kill', id);
    await engine.docker('start', id);
    for (const deadline = Date.now() + 60_000; ; await delay(100)) {
      const health = await engine.docker('inspect', '--format', '{{.State.Health.Status}}', id);
      if (health.trim() === 'healthy') return;
      if (Date.now() > deadline) throw new Error(`${service} is ${health}`);
    }
  }

  beforeAll(async () => {
    host = parts.use(new SharedMount());
    manifests = parts.use(new TempDir());
    engine = parts.use(await DockerEngine.start());
    parts.defer(async () => void (await engine.docker('rmi', '--force', IMAGE, STAND_IN)));
    parts.defer(async () => void (await compose(...PROFILES, 'down', '--volumes', '--timeout', '5')));
    if (hasAppArmor()) execFileSync('apparmor_parser', ['--replace', '--skip-cache', APPARMOR_PROFILE]);
    cpSync(`${TOP}/deploy/compose`, manifests.path, { recursive: true });
    // The daemon of the profile without privileges is a user who must be let in.
    chmodSync(manifests.path, 0o755);
    await makeStandInImage(engine, STAND_IN);
    await compose(...PROFILES, 'build', 'lantern');
  });

  afterAll(async () => {
    await parts[Symbol.asyncDispose]();
  });

  test('the image runs without a shell and holds nothing for development', async () => {
    const config = JSON.parse(await engine.docker('inspect', '--format', '{{json .Config}}', IMAGE));
    expect(config.Entrypoint).toEqual(['node', '/opt/lantern/dist/main.js']);
    expect(config.Healthcheck.Test).toEqual(['CMD', 'node', '/opt/lantern/dist/main.js', 'health']);
    const modules = await engine.docker(
      'run',
      '--rm',
      '--network=none',
      '--entrypoint=ls',
      IMAGE,
      '/opt/lantern',
      '/opt/lantern/node_modules',
    );
    expect(modules.split('\n')).not.toEqual(expect.arrayContaining(['typescript']));
    expect(modules.split('\n')).not.toEqual(expect.arrayContaining(['src']));
    expect(await engine.docker('run', '--rm', '--network=none', IMAGE, '--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.runIf(hasAppArmor())('the daemon is confined by our profile (needs AppArmor in the kernel)', async () => {
    await compose('--profile', 'bind', 'up', '--detach', 'lantern');
    expect(await inside('lantern', 'cat', '/proc/1/attr/current')).toBe('lantern (enforce)\n');
  });

  test('profile bind: mounts reach the services, updates and a killed daemon included', async () => {
    await compose('--profile', 'bind', 'up', '--detach');
    const status = await inside('lantern', 'cat', '/proc/1/status');
    // A filter, and CAP_CHOWN, CAP_FOWNER, CAP_FSETID and CAP_SYS_ADMIN.
    expect(status).toMatch(/^Seccomp:\s+2$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(status).toMatch(/^CapEff:\s+0000000000200019$/m);
    expect(status).toMatch(/^CapBnd:\s+0000000000200019$/m);
    expect(await inside('web', 'cat', '/run/secrets/app/password')).toBe('change-me');
    expect(await inside('web', 'stat', '-L', '-c', '%a %u:%g', '/run/secrets/app/password')).toBe('400 1001:1001\n');
    expect(await inside('worker', 'cat', '/run/secrets/password')).toBe('change-me');
    expect(await inside('worker', 'stat', '-c', '%a %u:%g', '/run/secrets/password')).toBe('400 1002:1002\n');
    await expect(inside('web', 'sh', '-c', '> /run/secrets/app/new')).rejects.toThrow(/Read-only file system/);

    setPassword('secret.yaml', 'second');
    const apply = ['run', '--rm', 'client', 'apply', '-f', '/manifests/secret.yaml'];
    const update = () => compose(...PROFILES, ...apply);
    expect(await delayOf(update, 'web', '/run/secrets/app/password', 'second')).toBeLessThan(UPDATE_MS);
    expect(await inside('worker', 'cat', '/run/secrets/password')).toBe('change-me');

    const before = mountsBelow(host.path);
    await killAndRestart('lantern');
    expect(mountsBelow(host.path)).toEqual(before);
    setPassword('secret.yaml', 'third');
    expect(await delayOf(update, 'web', '/run/secrets/app/password', 'third')).toBeLessThan(UPDATE_MS);
    expect(await inside('worker', 'cat', '/run/secrets/password')).toBe('change-me');

    const targets = ['/run/lantern-volumes/web', '/run/lantern-volumes/worker-password'];
    await compose(...PROFILES, 'run', '--rm', 'client', 'unmount', ...targets);
    expect(readdirSync(host.at('volumes'))).toEqual([]);
    await compose(...PROFILES, 'down', '--volumes', '--timeout', '5');
    // The shared mount itself.
    expect(mountsBelow(host.path)).toHaveLength(1);
    expect(
      await engine.docker('ps', '--all', '--quiet', '--filter', `label=com.docker.compose.project=${project}`),
    ).toBe('');
    expect(
      await engine.docker('volume', 'ls', '--quiet', '--filter', `label=com.docker.compose.project=${project}`),
    ).toBe('');
  });

  test('profile direct: the same without any privilege', async () => {
    await compose('--profile', 'direct', 'up', '--detach');
    const status = await inside('lantern-direct', 'cat', '/proc/1/status');
    expect(status).toMatch(/^Uid:\s+65532\s/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(await inside('web-direct', 'cat', '/run/secrets/app/password')).toBe('change-me');
    expect(await inside('web-direct', 'stat', '-f', '-c', '%T', '/run/secrets/app')).toBe('tmpfs\n');
    expect(await inside('worker-direct', 'cat', '/run/secrets/password')).toBe('change-me');
    // The daemon follows the file: what is timed is the whole way from the editor to the container.
    const path = '/run/secrets/app/password';
    const follows = async (password: string) => {
      const update = () => setPassword('objects/secret.yaml', password);
      expect(await delayOf(update, 'web-direct', path, password)).toBeLessThan(UPDATE_MS);
    };
    await follows('second');
    await killAndRestart('lantern-direct');
    await follows('third');
    expect(await inside('worker-direct', 'cat', '/run/secrets/password')).toBe('change-me');

    await compose(
      ...PROFILES,
      'run',
      '--rm',
      'client-direct',
      'unmount',
      '/volumes/web/app',
      '/volumes/worker/password',
    );
    expect(await inside('web-direct', 'ls', '/run/secrets')).toBe('');
    await compose(...PROFILES, 'down', '--volumes', '--timeout', '5');
    expect(mountsBelow(host.path)).toHaveLength(1);
  });
});

import { chmodSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canCompose } from '../../scripts/docker.mjs';
import { hasEtcd } from '../../scripts/prerequisites.mjs';
import { DisposalStack } from '../../src/base/disposal-stack.ts';
import { DockerEngine } from '../support/docker/docker-engine.ts';
import { makeLanternImage } from '../support/docker/lantern-image.ts';
import { makeStandInImage } from '../support/docker/stand-in-image.ts';
import { TOP } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const STAND_IN = 'lantern-etcd-test-stand-in';
const IMAGE = 'lantern-etcd-test';
const NODES = [1, 2, 3] as const;
type Node = (typeof NODES)[number];
const ALL = ['--profile', 'etcd', '--profile', 'etcd-client'];
/** How long a change may take to be seen everywhere, in milliseconds: an election among the members included. */
const PATIENCE_MS = 20_000;

describe.runIf(canCompose() && hasEtcd())('docker-compose with etcd (needs root, etcd and a Docker engine)', () => {
  const parts = new DisposalStack();
  let engine: DockerEngine;
  let manifests: TempDir;
  let webs: ReadonlyMap<Node, string>;
  let daemons: ReadonlyMap<Node, string>;
  let members: ReadonlyMap<Node, string>;
  let client: string;

  const compose = (...args: readonly string[]) =>
    engine.compose(
      {
        COMPOSE_PROJECT_NAME: `lanternetcdtest${process.pid}`,
        LANTERN_MANIFESTS: manifests.path,
        LANTERN_IMAGE: IMAGE,
        LANTERN_CONSUMER_IMAGE: STAND_IN,
        LANTERN_ETCD_IMAGE: STAND_IN,
      },
      '-f',
      `${TOP}/docker-compose.yml`,
      ...args,
    );
  const idOf = async (service: string) => (await compose(...ALL, 'ps', '--quiet', service)).trim();
  const idsOf = async (service: string) =>
    new Map(await Promise.all(NODES.map(async (node) => [node, await idOf(`${service}-${node}`)] as const)));
  const seenBy = async (node: Node) =>
    await engine.docker('exec', webs.get(node) ?? '', 'cat', '/run/secrets/app/password');

  /** A change, told to one node's daemon. */
  async function apply(node: Node, password: string): Promise<void> {
    const path = manifests.at('objects/secret.yaml');
    writeFileSync(path, readFileSync(path, 'utf8').replace(/password: .*/, `password: ${password}`));
    const lantern = ['node', '/opt/lantern/dist/main.js', '--socket', `/run/${node}/lantern.sock`];
    await engine.docker('exec', client, ...lantern, 'apply', '-f', '/manifests/objects/secret.yaml');
  }

  async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + PATIENCE_MS; !(await isSo()); await delay(200)) {
      if (Date.now() > deadline) throw new Error(`in vain: ${what}`);
    }
  }

  async function show(password: string, ...nodes: readonly Node[]): Promise<void> {
    for (const node of nodes) {
      await until(`node ${node} shows "${password}"`, async () => (await seenBy(node)) === password);
    }
  }

  beforeAll(async () => {
    manifests = parts.use(new TempDir());
    engine = parts.use(await DockerEngine.start());
    parts.defer(async () => void (await engine.docker('rmi', '--force', IMAGE, STAND_IN)));
    parts.defer(async () => void (await compose(...ALL, 'down', '--volumes', '--timeout', '2')));
    cpSync(`${TOP}/deploy/compose`, manifests.path, { recursive: true });
    // The daemons and their client are a user who must be let in.
    chmodSync(manifests.path, 0o755);
    await makeStandInImage(engine, STAND_IN, ['etcd', 'etcdctl']);
    await makeLanternImage(engine, IMAGE, STAND_IN);
    await compose('--profile', 'etcd', 'up', '--detach');
    [webs, daemons, members] = await Promise.all([idsOf('web-etcd'), idsOf('lantern-etcd'), idsOf('etcd')]);
    client = (await compose(...ALL, 'run', '--detach', '--entrypoint', 'sleep', 'client-etcd', 'infinity')).trim();
  });

  afterAll(async () => {
    await parts[Symbol.asyncDispose]();
  });

  test('what one daemon is told, all show; nobody outside can reach etcd, where values are sealed', async () => {
    await show('change-me', ...NODES);
    for (const node of NODES) {
      await apply(node, `told-to-${node}`);
      await show(`told-to-${node}`, ...NODES);
    }
    const networks = await engine.docker('inspect', '--format', '{{.HostConfig.NetworkMode}}', await idOf('etcd-base'));
    expect(networks.trim()).toBe('none');
    const get = ['etcdctl', 'get', '--prefix', '/lantern/'];
    const kept = await engine.docker('exec', '--env', 'ETCDCTL_API=3', members.get(1) ?? '', ...get);
    expect(kept).toContain('/lantern/objects/Secret/default/app');
    expect(kept).not.toContain('told-to');
  });

  test.each(NODES)(
    'a member of etcd and a daemon are killed, number %i of each: the others go on, and both come back',
    async (node) => {
      const member = members.get(node) ?? '';
      const daemon = daemons.get(node) ?? '';
      const others = NODES.filter((other) => other !== node);
      const before = await seenBy(node);
      await engine.docker('kill', member, daemon);
      await apply(others[0] ?? 1, `without-${node}`);
      await show(`without-${node}`, ...others);
      // What is mounted stays as it was.
      expect(await seenBy(node)).toBe(before);
      await engine.docker('start', member, daemon);
      await show(`without-${node}`, ...NODES);
      const ask = ['etcdctl', '--endpoints', `http://127.0.0.1:2${node + 2}79`, 'get', '/'];
      await until(`member ${node} answers`, () =>
        engine.docker('exec', '--env', 'ETCDCTL_API=3', member, ...ask).then(
          () => true,
          () => false,
        ),
      );
    },
  );
});

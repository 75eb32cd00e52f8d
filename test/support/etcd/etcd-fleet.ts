import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoredObject } from '../../../src/objects/object.ts';
import { EtcdStore } from '../../../src/stores/etcd/etcd-store.ts';
import { secretDraft } from '../objects/builders.ts';
import { versionOf, versionText } from '../volume/versioned-payload.ts';
import { EtcdNode } from './etcd-node.ts';
import { type EtcdServer, testKeys } from './etcd-server.ts';

const PER_VOLUME = 4;
const KEYS = ['a', 'b'];
const PATIENCE_MS = 60_000;
const INTERVAL_MS = 50;
const NEVER = new AbortController().signal;

/**
 * Nodes that project the same Secrets from one etcd. Secret `s7` holds its version in every key; each volume holds a
 * few of them, as directories.
 */
export class EtcdFleet implements AsyncDisposable {
  readonly nodes: EtcdNode[] = [];
  /** In this process: for a test's own writes and reads. */
  readonly store: EtcdStore;
  readonly server: EtcdServer;
  readonly objects: number;
  readonly #prefix: string;
  #turn = 0;

  private constructor(server: EtcdServer, objects: number, prefix: string, store: EtcdStore) {
    this.server = server;
    this.objects = objects;
    this.#prefix = prefix;
    this.store = store;
  }

  /** Every Secret is there, as version 0. */
  static async start(server: EtcdServer, prefix: string, objects: number): Promise<EtcdFleet> {
    const keys = await testKeys(server.directory.at('key'));
    const identity = { tls: undefined, login: undefined };
    const store = new EtcdStore({ endpoints: server.endpoints, prefix, identity, keys });
    const fleet = new EtcdFleet(server, objects, prefix, store);
    store.start();
    for (let object = 0; object < objects; object++) await fleet.write(object, 0);
    return fleet;
  }

  /** A node with every volume mounted. */
  async addNode(endpoints: readonly string[] = this.server.endpoints): Promise<EtcdNode> {
    const node = await EtcdNode.start({ endpoints, prefix: this.#prefix, keyFile: this.server.directory.at('key') });
    this.nodes.push(node);
    for (let first = 0; first < this.objects; first += PER_VOLUME) {
      const members = Array.from({ length: Math.min(PER_VOLUME, this.objects - first) }, (_, index) => first + index);
      await mountSecrets(node, `v${first}`, members);
    }
    return node;
  }

  /** By this process itself. */
  async write(object: number, version: number): Promise<void> {
    await this.store.apply(secretDraft(`s${object}`, valuesOf(version)), { createOnly: false, dryRun: false }, NEVER);
  }

  /** By one of the daemons that are up, as a user would; another one each time. */
  async writeByNode(object: number, version: number): Promise<void> {
    const up = this.nodes.filter(({ isUp }) => isUp);
    this.#turn += 1;
    const node = up[this.#turn % up.length];
    if (node === undefined) throw new Error('no daemon is up');
    await node.client.objects.apply({
      object: { metadata: { name: `s${object}` }, secret: { data: valuesOf(version) } },
    });
  }

  /** How often each Secret was written, as etcd counts. */
  async writesInEtcd(): Promise<readonly number[]> {
    const client = this.server.client();
    const { kvs } = await client.getAll().prefix(`${this.#prefix}/objects/Secret/default/`).exec();
    client.close();
    return kvs.map(({ version }) => Number(version));
  }

  /** Resolves when the node shows these versions, by object, or later ones. */
  async shows(node: EtcdNode, versions: ReadonlyMap<number, number>): Promise<void> {
    const isLate = (shown: ReadonlyMap<number, number>) =>
      [...versions].filter(([object, version]) => (shown.get(object) ?? -1) < version);
    await patiently(() => isLate(shownBy(node)).map(([object, version]) => `version ${version} of s${object}`));
  }

  /** Every Secret as etcd has it: not from memory. */
  async stored(): Promise<ReadonlyMap<string, StoredObject>> {
    const { objects } = await this.store.list({ kind: 'Secret', namespace: 'default' }, NEVER);
    return new Map(objects.map((object) => [object.metadata.name, object]));
  }

  /** Where a node's files are not, byte for byte, what the store holds; a line each. */
  async differences(nodes: readonly EtcdNode[] = this.nodes): Promise<readonly string[]> {
    const stored = await this.stored();
    return nodes.flatMap((node, index) => [...differencesOf(node, stored)].map((line) => `node ${index}: ${line}`));
  }

  /** Resolves when every node's files are what the store holds. */
  async caughtUp(nodes: readonly EtcdNode[] = this.nodes): Promise<void> {
    await patiently(() => this.differences(nodes));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()));
    await this.store[Symbol.asyncDispose]();
  }
}

/** Mounts a volume of these Secrets, a directory each. */
export async function mountSecrets(
  node: EtcdNode,
  volumeId: string,
  objects: readonly number[],
  { optional = false } = {},
): Promise<void> {
  const sources = objects.map((object) => {
    const name = `s${object}`;
    return { secret: { name, optional, items: KEYS.map((key) => ({ key, path: `${name}/${key}` })) } };
  });
  const definition = { source: { projected: { sources } } };
  await node.client.projector.mount({ volumeId, definition, targetPath: node.target(volumeId) });
}

/** Which version a node shows of each object. Throws for a file that is cut short. */
export function shownBy(node: EtcdNode): ReadonlyMap<number, number> {
  const shown = new Map<number, number>();
  for (const volume of readdirSync(node.targets)) {
    for (const name of visible(node.target(volume))) {
      const version = versionOf(readFileSync(join(node.target(volume), name, 'a'), 'utf8'));
      if (version === undefined) throw new Error(`${name} is cut short`);
      shown.set(Number(name.slice(1)), version);
    }
  }
  return shown;
}

/** Until nothing is missing. */
async function patiently(missing: () => readonly string[] | Promise<readonly string[]>): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(INTERVAL_MS)) {
    const lines = await missing();
    if (lines.length === 0) return;
    if (Date.now() > deadline) throw new Error(`not caught up:\n${lines.slice(0, 10).join('\n')}`);
  }
}

function valuesOf(version: number): Record<string, Buffer> {
  return Object.fromEntries(KEYS.map((key) => [key, Buffer.from(versionText(version))]));
}

function* differencesOf(node: EtcdNode, stored: ReadonlyMap<string, StoredObject>): Generator<string> {
  const seen = new Set<string>();
  for (const volume of readdirSync(node.targets)) {
    for (const name of visible(node.target(volume))) {
      seen.add(name);
      const object = stored.get(name);
      const directory = join(node.target(volume), name);
      const data = object?.kind === 'Secret' ? object.data : new Map<string, Uint8Array>();
      if (readdirSync(directory).sort().join() !== [...data.keys()].sort().join()) yield `${directory}: other files`;
      for (const [key, value] of data) {
        if (!readFileSync(join(directory, key)).equals(value)) yield `${directory}/${key}: another content`;
      }
    }
  }
  for (const name of stored.keys()) if (!seen.has(name)) yield `${name} is in no volume`;
}

function visible(directory: string): string[] {
  return readdirSync(directory).filter((name) => !name.startsWith('..'));
}

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { hasEtcd } from '../../../scripts/prerequisites.mjs';
import { createKeyFile, type KeyRing, readKeyRing } from '../../../src/stores/sealed/key-file.ts';
import { freePort } from '../host/process.ts';
import { TempDir } from '../suite/temp-dir.ts';

/** True if etcd is in PATH, from Debian's etcd-server or elsewhere. */
export const isEtcdThere = hasEtcd();

const PATIENCE_MS = 20_000;

export type EtcdServerOptions = {
  /** How many members, on loopback. One where left out. */
  readonly members?: number;
  /** Further arguments for each member. */
  readonly args?: readonly string[];
  /** Clients come by TLS: paths of PEM files. Clients must show a certificate of `ca`. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
};

/** One etcd process, which can be killed, stopped and started again on its data. */
export class EtcdMember {
  readonly name: string;
  readonly clientUrl: string;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;

  constructor(name: string, clientUrl: string, args: readonly string[]) {
    this.name = name;
    this.clientUrl = clientUrl;
    this.#args = args;
  }

  /** One of its arguments, as etcdctl takes it too: `['--name', 'm0']`. */
  argument(flag: string): readonly string[] {
    const at = this.#args.indexOf(flag);
    return at < 0 ? [] : this.#args.slice(at, at + 2);
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  start(): void {
    this.#process = spawn('etcd', [...this.#args], { stdio: 'ignore' });
  }

  /** SIGSTOP: it holds its connections and answers nothing. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const over = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill(signal);
    await over;
  }
}

/** A real etcd, alone or a cluster, on loopback ports, in a memory directory of its own. */
export class EtcdServer implements AsyncDisposable {
  readonly directory: TempDir;
  readonly members: readonly EtcdMember[];
  readonly #tls: EtcdServerOptions['tls'];

  private constructor(directory: TempDir, members: readonly EtcdMember[], tls: EtcdServerOptions['tls']) {
    this.directory = directory;
    this.members = members;
    this.#tls = tls;
  }

  /** Resolves when every member answers. */
  static async start(options: EtcdServerOptions = {}): Promise<EtcdServer> {
    const directory = new TempDir('/dev/shm');
    const scheme = options.tls === undefined ? 'http' : 'https';
    const places: { name: string; client: string; peer: string }[] = [];
    for (let index = 0; index < (options.members ?? 1); index++) {
      const client = `${scheme}://localhost:${await freePort()}`;
      places.push({ name: `m${index}`, client, peer: `http://127.0.0.1:${await freePort()}` });
    }
    const cluster = places.map(({ name, peer }) => `${name}=${peer}`).join(',');
    const members = places.map(({ name, client, peer }) => {
      const args = [
        ...['--name', name, '--data-dir', directory.at(name), '--logger', 'zap', '--log-level', 'error'],
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ...['--initial-cluster', cluster, '--initial-cluster-token', directory.path, '--initial-cluster-state', 'new'],
        ...(options.tls === undefined ? [] : tlsArgs(options.tls)),
        ...(options.args ?? []),
      ];
      return new EtcdMember(name, client, args);
    });
    const server = new EtcdServer(directory, members, options.tls);
    try {
      for (const member of members) member.start();
      await server.answering();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  get endpoints(): readonly string[] {
    return this.members.map(({ clientUrl }) => clientUrl);
  }

  /** The first member: the only one where there is one. */
  get member(): EtcdMember {
    const [first] = this.members;
    if (first === undefined) throw new Error('no member');
    return first;
  }

  /** Resolves when every member that runs answers a read through the whole cluster. */
  async answering(): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    for (const member of this.members) {
      while (member.pid !== undefined) {
        if (this.etcdctl(['get', 'nothing'], member.clientUrl).status === 0) break;
        if (Date.now() > deadline) throw new Error(`etcd ${member.name} does not answer`);
        await sleep(20);
      }
    }
  }

  /** etcd's own command line, on one member. */
  etcdctl(args: readonly string[], endpoint = this.member.clientUrl): { status: number | null; stdout: Buffer } {
    const tls = this.#tls;
    const files = tls === undefined ? [] : ['--cacert', tls.ca, '--cert', tls.cert, '--key', tls.key];
    const all = ['--endpoints', endpoint, '--command-timeout', '2s', ...files, ...args];
    const { status, stdout } = spawnSync('etcdctl', all, { env: { ...process.env, ETCDCTL_API: '3' } });
    return { status, stdout };
  }

  /** From now on everybody has to log in: as `root`, or as `lantern`, which may read and write below `/lantern/`. */
  requireLogin(passwords: { readonly root: string; readonly lantern: string }): void {
    for (const args of [
      ['user', 'add', `root:${passwords.root}`],
      ['user', 'grant-role', 'root', 'root'],
      ['user', 'add', `lantern:${passwords.lantern}`],
      ['role', 'add', 'lantern'],
      ['role', 'grant-permission', 'lantern', '--prefix=true', 'readwrite', '/lantern/'],
      ['user', 'grant-role', 'lantern', 'lantern'],
      ['auth', 'enable'],
    ]) {
      if (this.etcdctl(args).status !== 0) throw new Error(`etcdctl ${args.slice(0, 2).join(' ')} failed`);
    }
  }

  /** A client of its own for whatever a test does behind the store's back. Close it. */
  client(): Etcd3 {
    return new Etcd3({ hosts: [...this.endpoints] });
  }

  /** Kills every member and removes the data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    this.directory[Symbol.dispose]();
  }
}

function tlsArgs({ cert, key, ca }: { readonly cert: string; readonly key: string; readonly ca: string }): string[] {
  return ['--cert-file', cert, '--key-file', key, '--trusted-ca-file', ca, '--client-cert-auth'];
}

/** The keys in these files, made where there are none: the first seals, all open. */
export async function testKeys(...files: readonly string[]): Promise<KeyRing> {
  for (const file of files) await createKeyFile(file);
  return await readKeyRing(files);
}

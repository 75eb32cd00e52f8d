import type { LanternClient } from '../../rpc/client.ts';
import type { Cli } from '../command.ts';
import { KIND_NAMES, type KindName } from '../kinds.ts';
import { fetchObjects } from '../objects/fetch-objects.ts';
import { listVolumes } from '../objects/list-volumes.ts';
import { printable } from '../output/text.ts';
import { listPods } from '../pods/pod-calls.ts';
import { settingOf } from '../settings.ts';
import type { KnownNames } from './candidates.ts';

/** Somebody waits at a prompt. */
const TIMEOUT_MS = 500;

/** Connects only when a name is asked for. Values of Secrets are not fetched. */
export class DaemonNames implements KnownNames {
  readonly #cli: Cli;
  readonly #socket: () => string;

  /** `socket` may throw: then no names are known. */
  constructor(cli: Cli, socket: () => string) {
    this.#cli = cli;
    this.#socket = socket;
  }

  get currentNamespace(): string {
    try {
      return settingOf(this.#cli, 'namespace', undefined).value;
    } catch {
      return 'default';
    }
  }

  objects(kind: KindName, namespace: string): Promise<readonly string[]> {
    return this.#ask(async (daemon, signal) => {
      const objects = await listObjects(daemon, kind, namespace, signal);
      return objects.map(({ metadata }) => metadata?.name ?? '');
    });
  }

  /** A namespace exists if something is in it. */
  namespaces(): Promise<readonly string[]> {
    return this.#ask(async (daemon, signal) => {
      const [volumes, ...objects] = await Promise.all([
        listVolumes(daemon, '', signal),
        ...KIND_NAMES.map((kind) => listObjects(daemon, kind, '', signal)),
      ]);
      return [...volumes, ...objects.flat().map(({ metadata }) => ({ namespace: metadata?.namespace ?? '' }))].map(
        ({ namespace }) => namespace,
      );
    });
  }

  volumes(namespace: string): Promise<readonly string[]> {
    return this.#ask(async (daemon, signal) => {
      return (await listVolumes(daemon, namespace, signal)).map(({ volumeId }) => volumeId);
    });
  }

  targets(namespace: string): Promise<readonly string[]> {
    return this.#ask(async (daemon, signal) => {
      const volumes = await listVolumes(daemon, namespace, signal);
      return volumes.flatMap(({ publications }) => publications.map(({ targetPath }) => targetPath));
    });
  }

  pods(namespace: string): Promise<readonly string[]> {
    return this.#ask(async (daemon, signal) => (await listPods(daemon, namespace, signal)).map(({ name }) => name));
  }

  roots(namespace: string): Promise<readonly string[]> {
    return this.#ask(async (daemon, signal) => {
      return (await listPods(daemon, namespace, signal)).map(({ rootPath }) => rootPath);
    });
  }

  /** All names or none: a list that ends too early would make a name look unique. */
  async #ask(question: (daemon: LanternClient, signal: AbortSignal) => Promise<readonly string[]>) {
    try {
      const socket = this.#socket();
      const { connect } = await import('../../rpc/client.ts');
      using daemon = connect(socket);
      const names = await question(daemon, AbortSignal.any([this.#cli.signal, AbortSignal.timeout(TIMEOUT_MS)]));
      // Attack: a control character in a name would steer the terminal, or the shell's script.
      return [...new Set(names)].filter((name) => name !== '' && name === printable(name));
    } catch {
      return [];
    }
  }
}

function listObjects(daemon: LanternClient, kind: KindName, namespace: string, signal: AbortSignal) {
  return fetchObjects(daemon, { kind, name: undefined, namespace, withData: false }, signal);
}

import * as z from 'zod';
import { DisposalStack } from '../../base/disposal-stack.ts';
import { type Fields, orThrow, parseBy } from '../../base/parsed.ts';
import { mapOf, textValue, through } from '../../base/schemas.ts';
import type { VolumeStatus } from '../../projection/projector.ts';
import { KeptVolumes } from './kept-volumes.ts';
import { type PluginMethod, PluginServer, type PluginServerOptions } from './plugin-server.ts';
import { type DriverVolume, VolumeDriver, type VolumeDriverDependencies } from './volume-driver.ts';
import { parseUseId, parseVolumeName } from './volume-options.ts';

type DockerPluginOptions = Omit<VolumeDriverDependencies, 'kept'> &
  Omit<PluginServerOptions, 'methods'> & {
    readonly socket: string;
    /** Of the files that keep the engine's volumes. */
    readonly stateDirectory: string;
  };

/** Numbers of volumes of the engine. */
export type DockerCensus = { readonly inUse: number; readonly unused: number };

/** A volume plugin of Docker. */
export class DockerPlugin implements AsyncDisposable {
  readonly #socket: string;
  readonly #driver: VolumeDriver;
  readonly #server: PluginServer;
  readonly #parts = new DisposalStack();

  private constructor(options: DockerPluginOptions, kept: KeptVolumes) {
    this.#socket = options.socket;
    this.#parts.use(kept);
    this.#driver = this.#parts.use(new VolumeDriver({ ...options, kept }));
    this.#server = this.#parts.use(new PluginServer({ ...options, methods: methodsOf(this.#driver) }));
  }

  /** Reads the engine's volumes. `failed-precondition` if another daemon has them. */
  static async open(options: DockerPluginOptions): Promise<DockerPlugin> {
    return new DockerPlugin(options, await KeptVolumes.open(options.stateDirectory, options.log));
  }

  /** Serves calls. Volumes of an earlier daemon must have been taken over. */
  async start(): Promise<void> {
    await this.#server.listen(this.#socket);
    this.#driver.start();
  }

  census(): DockerCensus {
    const volumes = this.#driver.list();
    const inUse = volumes.filter(({ isInUse }) => isInUse).length;
    return { inUse, unused: volumes.length - inUse };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts[Symbol.asyncDispose]();
  }
}

const name = through(z.string(), parseVolumeName);
// Engines may send fields that are not known here.
const NAMED = z.object({ Name: name });
const USE = z.object({ Name: name, ID: through(z.string(), parseUseId) });
const CREATE = z.object({ Name: name, Opts: mapOf(textValue) });

function methodsOf(driver: VolumeDriver): ReadonlyMap<string, PluginMethod> {
  return new Map<string, PluginMethod>([
    ['/Plugin.Activate', () => ({ Implements: ['VolumeDriver'] })],
    ['/VolumeDriver.Capabilities', () => ({ Capabilities: { Scope: 'local' } })],
    [
      '/VolumeDriver.Create',
      (request, _, signal) => {
        const { Name, Opts } = orThrow(parseBy(CREATE, request));
        return nothing(driver.create(Name, Opts, signal));
      },
    ],
    ['/VolumeDriver.Remove', (request, _, signal) => nothing(driver.remove(nameIn(request), signal))],
    [
      '/VolumeDriver.Mount',
      async (request, engine, signal) => {
        const { Name, ID } = orThrow(parseBy(USE, request));
        return { Mountpoint: await driver.mount(Name, ID, engine, signal) };
      },
    ],
    [
      '/VolumeDriver.Unmount',
      (request, _, signal) => {
        const { Name, ID } = orThrow(parseBy(USE, request));
        return nothing(driver.unmount(Name, ID, signal));
      },
    ],
    ['/VolumeDriver.Path', (request) => ({ Mountpoint: mountpointOf(driver.get(nameIn(request))) })],
    ['/VolumeDriver.Get', (request) => ({ Volume: detailed(driver.get(nameIn(request))) })],
    ['/VolumeDriver.List', () => ({ Volumes: driver.list().map((volume) => listed(volume, driver)) })],
  ]);
}

function nameIn(request: Fields): string {
  return orThrow(parseBy(NAMED, request)).Name;
}

async function nothing(work: Promise<void>): Promise<object> {
  await work;
  return {};
}

function listed({ name: Name, isInUse }: { name: string; isInUse: boolean }, driver: VolumeDriver): object {
  return { Name, Mountpoint: isInUse ? driver.mountpointOf(Name) : '' };
}

/** Empty while nothing is mounted there. */
function mountpointOf({ mountpoint, uses }: DriverVolume): string {
  return uses.size > 0 ? mountpoint : '';
}

/** `Status` is what `docker volume inspect` shows. It has no values. */
function detailed(volume: DriverVolume): object {
  const { name: Name, createdAt, options, uses, status, problem } = volume;
  const Status = {
    state: status?.state ?? 'unmounted',
    namespace: options.get('namespace') ?? 'default',
    uses: uses.size,
    generation: status?.generation,
    updatedAt: textOf(status?.updatedAt),
    staleSince: textOf(status?.staleSince),
    lastError: problem ?? status?.lastError,
    objects: status?.objects.map(objectText),
  };
  return { Name, Mountpoint: mountpointOf(volume), CreatedAt: textOf(createdAt), Status };
}

function textOf(time: number | undefined): string | undefined {
  return time === undefined ? undefined : new Date(time).toISOString();
}

/** `Secret/db at revision 7`. */
function objectText({ kind, name: object, revision }: VolumeStatus['objects'][number]): string {
  return `${kind}/${object} ${revision === undefined ? 'does not exist' : `at revision ${revision}`}`;
}

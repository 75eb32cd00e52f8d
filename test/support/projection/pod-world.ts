import { mkdirSync } from 'node:fs';
import { silentLog } from '../../../src/base/log.ts';
import { orThrow } from '../../../src/base/parsed.ts';
import { Slices } from '../../../src/base/steps.ts';
import { TargetDirectories } from '../../../src/mount/targets/target-directories.ts';
import { TargetRoots } from '../../../src/mount/targets/target-roots.ts';
import type { ObjectDraft } from '../../../src/objects/object.ts';
import { PodProjector } from '../../../src/projection/pods/pod-projector.ts';
import type { MountedPod, PodRequest } from '../../../src/projection/pods/pods.ts';
import { parsePod } from '../../../src/spec/pod/pod.ts';
import { listTree } from '../host/list-tree.ts';
import { NEVER, ProjectionWorld } from './projection-world.ts';

/** Pods over a projector with a mount table in memory. The directory `targets/pods` is where roots are made. */
export class PodWorld implements AsyncDisposable {
  readonly projection = new ProjectionWorld();
  readonly root = this.projection.target('pods/web');

  static async start(...secrets: readonly string[]): Promise<PodWorld> {
    const world = new PodWorld();
    mkdirSync(world.projection.target('pods'));
    await world.projection.start();
    for (const name of secrets) await world.projection.apply(name, { key: name });
    return world;
  }

  /** As the daemon has it now. */
  get pods(): PodProjector {
    const { store, clock, recorded, projector } = this.projection;
    const events = { record: (event: (typeof recorded)[number]) => void recorded.push(event) };
    const roots = new TargetRoots([this.projection.target('')], []);
    return new PodProjector({
      projector,
      directories: new TargetDirectories(roots),
      source: store,
      clock,
      log: silentLog,
      events,
      slices: new Slices(clock),
      publisher: { canChangeOwners: process.geteuid?.() === 0 },
    });
  }

  request(manifest: unknown, overrides: Partial<PodRequest> = {}): PodRequest {
    const pod = orThrow(parsePod(manifest, 'default'));
    return {
      pod,
      root: this.root,
      containers: [],
      waitForObjects: false,
      tokens: new Map(),
      open: false,
      runAsUser: undefined,
      ...overrides,
    };
  }

  mount(manifest: unknown, overrides: Partial<PodRequest> = {}, signal: AbortSignal = NEVER): Promise<MountedPod> {
    return this.pods.mount(this.request(manifest, overrides), signal);
  }

  async store(draft: ObjectDraft): Promise<void> {
    await this.projection.store.apply(draft, { createOnly: false, dryRun: false }, NEVER);
    await this.projection.projector.settled();
  }

  /** Lists the directory of roots; mounts appear as empty directories and files. */
  tree(): readonly string[] {
    return listTree(this.projection.target('pods'));
  }

  /** `volume at target` for every publication, targets below the directory of roots. */
  mounts(): readonly string[] {
    const above = `${this.projection.target('pods')}/`;
    const all = this.projection.projector.list();
    return all
      .flatMap(({ podVolume, publications }) =>
        publications.map(({ target }) => `${podVolume?.name} at ${target.slice(above.length)}`),
      )
      .sort();
  }

  /** The visible files of one volume of the pod `web`. */
  files(volume: string): Readonly<Record<string, string>> {
    const status = this.projection.projector.list().find(({ podVolume }) => podVolume?.name === volume);
    return this.projection.files(status?.volumeId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.projection[Symbol.asyncDispose]();
  }
}

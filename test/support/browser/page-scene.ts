import { systemClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { LivePage } from '../../../src/operations/live/live-page.ts';
import type { Summary } from '../../../src/operations/live/messages.ts';
import { EventLog, type VolumeIncident } from '../../../src/projection/events/event-log.ts';
import type { VolumeStatus } from '../../../src/projection/projector.ts';
import { generationName } from '../../../src/volume/layout.ts';
import { builtPage } from '../suite/compiled.ts';

type SceneOptions = { readonly files?: URL; readonly address?: string | undefined };

/** The live page of a daemon that is made up: its volumes are what a test says. */
export class PageScene implements AsyncDisposable {
  readonly page: LivePage;
  readonly #volumes = new Map<string, VolumeStatus>();
  readonly #events: EventLog;
  /** Called when the page reads a volume. */
  onGet: (() => void) | undefined;
  /** Milliseconds since 1970 UTC: events happen then. Undefined: now. */
  time: number | undefined;
  /** Of the store; undefined without a server. */
  contact: Summary['contact'];

  private constructor(page: LivePage) {
    this.page = page;
    this.#events = new EventLog({ clock: { ...systemClock, now: () => this.time ?? Date.now() }, listener: page.hear });
    page.show({
      projector: {
        get: (id) => {
          this.onGet?.();
          return this.#volumes.get(id);
        },
        listAfter: (id) => [...this.#volumes.values()].filter(({ volumeId }) => volumeId > id),
      },
      events: this.#events,
      start: () => ({ now: Date.now(), node: 'node-7', version: '0.2.0', publisher: 'bind', store: 'etcd' }),
      summary: () => this.#summary(),
    });
  }

  /** `files`: the built page by default. */
  static async start({ files = builtPage(), address = '127.0.0.1:0' }: SceneOptions = {}): Promise<PageScene> {
    return new PageScene(
      await LivePage.start({ address, files, clock: systemClock, log: silentLog, observer: undefined }),
    );
  }

  /** Mounts it, or changes it without a word. */
  put(volumeId: string, changes: Partial<VolumeStatus> = {}): void {
    const now = Date.now();
    const before = this.#volumes.get(volumeId) ?? {
      volumeId,
      namespace: 'shop',
      state: 'ready',
      generation: generationName(now),
      definition: undefined,
      files: [],
      publications: [publicationAt(`/srv/${volumeId}`)],
      lastError: undefined,
      problemSince: undefined,
      mountedAt: now,
      updatedAt: now,
      staleSince: undefined,
      objects: [{ kind: 'Secret', name: `${volumeId}-keys`, revision: 1 }],
      mountGroup: undefined,
      pod: undefined,
      podVolume: undefined,
    };
    this.#volumes.set(volumeId, { ...before, ...changes });
  }

  /** Without an event. */
  forget(volumeId: string): void {
    this.#volumes.delete(volumeId);
  }

  remove(volumeId: string): void {
    this.forget(volumeId);
    this.happen(volumeId, { type: 'unmounted', target: `/srv/${volumeId}` });
  }

  happen(volumeId: string, incident: VolumeIncident): void {
    const time = this.time ?? Date.now();
    this.#events.emit({ volumeId, namespace: 'shop', pod: undefined, time, ...incident });
  }

  /** A swap to a new generation. */
  swap(volumeId: string): void {
    const time = this.time ?? Date.now();
    const [oldGeneration, newGeneration] = [undefined, generationName(time)];
    this.put(volumeId, { generation: newGeneration, updatedAt: time });
    const incident = {
      oldGeneration,
      newGeneration,
      changedPaths: ['token'],
      cause: 'object',
      propagationMs: 3,
    } as const;
    this.happen(volumeId, { type: 'updated', ...incident });
  }

  fail(volumeId: string, message: string): void {
    this.put(volumeId, { state: 'stale', lastError: message, problemSince: this.time ?? Date.now() });
    this.happen(volumeId, { type: 'failed', reason: 'FailedUpdate', message });
  }

  recover(volumeId: string): void {
    this.put(volumeId, { state: 'ready', lastError: undefined, problemSince: undefined });
    this.happen(volumeId, { type: 'recovered', message: 'it is well again' });
  }

  #summary(): Summary {
    const volumes = { ready: 0, stale: 0, degraded: 0 };
    let targets = 0;
    for (const { state, publications } of this.#volumes.values()) {
      volumes[state] += 1;
      targets += publications.length;
    }
    const MI = 2 ** 20;
    return {
      volumes,
      targets,
      pools: { pools: 3, usedBytes: 11 * MI, sizeBytes: 192 * MI, fullestRatio: 0.14 },
      contact: this.contact,
      writeProblem: undefined,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page[Symbol.asyncDispose]();
  }
}

export function publicationAt(target: string): VolumeStatus['publications'][number] {
  return {
    target,
    subPath: undefined,
    pinnedGeneration: undefined,
    accessMode: 'SINGLE_NODE_MULTI_WRITER',
    readonly: true,
    mountFlags: [],
  };
}

const MINUTE = 60_000;
const PARTS = { credentials: 'Secret', settings: 'ConfigMap', tls: 'Secret' };
const WORKLOADS = ['checkout', 'catalogue', 'payments', 'search', 'mailer', 'gateway', 'reports', 'identity'];

/** A node on a usual evening, with two volumes in trouble. */
export function furnish(scene: PageScene): void {
  const now = Date.now();
  scene.contact = { lostSince: undefined, problem: undefined };
  const swaps: [volumeId: string, time: number][] = [];
  for (const [index, name] of WORKLOADS.entries()) {
    for (const [part, kind] of Object.entries(PARTS)) {
      const id = `${name}-${part}`;
      const mountedAt = now - (3 + index) * 170 * MINUTE;
      scene.put(id, {
        mountedAt,
        updatedAt: mountedAt,
        pod: { name: `${name}-7d9f6c5b8-x2k${index}q`, uid: `uid-${index}` } as VolumeStatus['pod'],
        files: Array.from({ length: 2 + (index % 3) }, (_, nth) => ({
          path: `key-${nth}`,
        })) as VolumeStatus['files'][number][],
        objects: [{ kind, name: id, revision: 1040 + index }],
        publications: [
          publicationAt(`/var/lib/kubelet/pods/${name}/volumes/${part}`),
          ...(part === 'tls' ? [publicationAt(`/srv/${name}/tls`)] : []),
        ],
      });
      scene.time = mountedAt;
      scene.happen(id, { type: 'mounted', target: `/srv/${id}` });
      const count = (index * 5 + part.length) % 7;
      for (let nth = 1; nth <= count; nth += 1)
        swaps.push([id, now - nth * (4 + ((index * 3) % 5)) * MINUTE + index * 9_000]);
    }
  }
  const damagedAt = now - 34 * MINUTE;
  for (const [id, time] of swaps.sort(([, one], [, other]) => one - other)) {
    if (id === 'reports-settings' && time > damagedAt) continue;
    scene.time = time;
    scene.swap(id);
  }
  scene.time = damagedAt;
  const damage = 'its record cannot be read (unexpected end of JSON input); mount it again to have it updated';
  scene.put('reports-settings', { state: 'degraded', lastError: damage, problemSince: damagedAt });
  scene.happen('reports-settings', { type: 'warning', reason: 'VolumeDamaged', message: damage });
  scene.time = now - 11 * MINUTE;
  scene.fail(
    'payments-credentials',
    'Secret shop/payments-credentials does not exist; create it, or mark the source optional',
  );
  scene.time = undefined;
}

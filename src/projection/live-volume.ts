import { LanternError } from '../base/errors.ts';
import { KeyedLock } from '../base/keyed-lock.ts';
import type { HostedVolume, Publisher } from '../mount/publisher.ts';
import { type ObjectRef, parseRefKey } from '../objects/object.ts';
import { byteOrder } from '../payload/payload.ts';
import type { PodFacts } from '../spec/pod-facts.ts';
import type { VolumeDefinition, VolumeId } from '../spec/volume-spec.ts';
import { volumeDirectoryName } from '../volume/layout.ts';
import type {
  KeptToken,
  RecordedPodVolume,
  RecordedPublication,
  RequestInputs,
  VolumeRecord,
} from '../volume/record.ts';

/** What a volume shall hold, as its last good request said. */
export type Wanted = {
  readonly volumeId: VolumeId;
  readonly namespace: string;
  readonly definition: VolumeDefinition;
  readonly mountGroup: number | undefined;
  readonly pod: PodFacts | undefined;
  readonly inputs: RequestInputs;
  readonly podVolume: RecordedPodVolume | undefined;
};

/**
 * Which objects the contents were rendered from, by `refKey`: a revision, or null for one that did not exist (and was
 * optional). Only meaningful together with the store's id.
 */
export type Provenance = { readonly storeId: string; readonly objects: ReadonlyMap<string, number | null> };

export const NO_PROVENANCE: Provenance = { storeId: '', objects: new Map() };

/** What the name of a volume without a usable record starts with; its directory's name follows. */
export const UNKNOWN_ID = 'unknown:';

/** One volume as the daemon knows it. `wanted` is undefined when its record is lost: mounted, but not to be updated. */
export class LiveVolume {
  readonly hosted: HostedVolume;
  readonly publications = new Map<string, RecordedPublication>();
  /** Targets of which only the mount is known, not what was asked for. */
  readonly assumed = new Set<string>();
  wanted: Wanted | undefined;
  provenance: Provenance = NO_PROVENANCE;
  /** What the daemon issued for it, by audience. */
  tokens: ReadonlyMap<string, KeptToken> = new Map();
  /** What on disk is not as it was written, and only a new mount can mend; as the last look found it. */
  damage: string | undefined;
  /** Why the contents cannot be renewed; undefined while all is well. */
  lastError: string | undefined;
  /** Since when `problem` says something, without a break: milliseconds since 1970 UTC. Begins anew with the daemon. */
  problemSince: number | undefined;
  #isSaved = true;

  constructor(hosted: HostedVolume, wanted: Wanted | undefined) {
    this.hosted = hosted;
    this.wanted = wanted;
  }

  /** The id, or for a volume whose record is lost, what can be said of it. */
  get name(): string {
    return this.wanted?.volumeId ?? `${UNKNOWN_ID}${this.hosted.directoryName}`;
  }

  /** Why it is not well; undefined where it is. */
  get problem(): string | undefined {
    return this.lastError ?? this.damage;
  }

  get namespace(): string {
    return this.wanted?.namespace ?? '';
  }

  /** The objects its contents come from. */
  get refs(): readonly ObjectRef[] {
    return [...this.provenance.objects.keys()].map(parseRefKey);
  }

  /**
   * The name a target was published by, which stays its name: a root may be reached by a link, and then a target has two.
   * The given one when the volume is not published there.
   */
  knownTarget(target: string, publisher: Pick<Publisher, 'realTarget'>): string {
    if (this.publications.has(target)) return target;
    const real = realTargetOf(target, publisher);
    if (real === undefined) return target;
    return [...this.publications.keys()].find((known) => publisher.realTarget(known) === real) ?? target;
  }

  get pinned(): readonly RecordedPublication[] {
    return [...this.publications.values()].filter((publication) => publication.subPath !== undefined);
  }

  /** Whether the last `save` succeeded. */
  get isSaved(): boolean {
    return this.#isSaved;
  }

  /** Writes down what a restarted daemon needs. Secret bytes go to a file of their own. */
  save(): void {
    if (this.wanted === undefined) return;
    this.#isSaved = false;
    const { inputs, ...rest } = this.wanted;
    const isEmpty = inputs.data.size === 0 && inputs.tokens.size === 0 && this.tokens.size === 0;
    this.hosted.saveInputs(isEmpty ? undefined : { ...inputs, issued: this.tokens });
    const publications = [...this.publications.values()].map((publication): RecordedPublication => {
      return this.assumed.has(publication.target) ? { ...publication, isAssumed: true } : publication;
    });
    const record: VolumeRecord = { ...rest, publications, ...this.provenance };
    this.hosted.saveRecord(record);
    this.#isSaved = true;
  }
}

/** Undefined for what cannot be a target, a relative path for one: nothing was published there. */
function realTargetOf(target: string, publisher: Pick<Publisher, 'realTarget'>): string | undefined {
  try {
    return publisher.realTarget(target);
  } catch (error) {
    if (error instanceof LanternError && error.code === 'invalid-argument') return undefined;
    throw error;
  }
}

/**
 * Every volume on this node, by its directory's name: a volume whose record is lost has no id, but it has a directory.
 * All work on one volume happens under its lock.
 */
export class VolumeRegistry {
  readonly #volumes = new Map<string, LiveVolume>();
  readonly #locks = new KeyedLock();
  /** Sorted once for many pages; undefined when volumes came or went. */
  #ordered: readonly { readonly name: string; readonly volume: LiveVolume }[] | undefined;

  /** The key of a volume id. */
  keyOf(volumeId: string): string {
    return volumeDirectoryName(volumeId);
  }

  /** The key of a volume by the name it goes by: its id, or `unknown:` and its directory when the record is lost. */
  keyOfKnown(name: string): string {
    const directory = name.startsWith(UNKNOWN_ID) ? name.slice(UNKNOWN_ID.length) : undefined;
    const isDegraded = directory !== undefined && this.#volumes.get(directory)?.name === name;
    return isDegraded ? directory : this.keyOf(name);
  }

  /** Runs `action` when no other work on this volume is under way; rejects with the signal's reason when it aborts first. */
  exclusively<T>(key: string, signal: AbortSignal, action: () => Promise<T> | T): Promise<T> {
    return this.#locks.run(key, signal, action);
  }

  get(key: string): LiveVolume | undefined {
    return this.#volumes.get(key);
  }

  add(volume: LiveVolume): void {
    this.#volumes.set(volume.hosted.directoryName, volume);
    this.#ordered = undefined;
  }

  remove(volume: LiveVolume): void {
    this.#volumes.delete(volume.hosted.directoryName);
    this.#ordered = undefined;
  }

  /** In no order, and without a copy: for counting. */
  each(): Iterable<LiveVolume> {
    return this.#volumes.values();
  }

  /** In byte order of the volumes' names. */
  all(): readonly LiveVolume[] {
    // A volume that was taken over without a record has another name as soon as it is published again.
    let ordered = this.#ordered;
    if (!ordered?.every(({ name, volume }) => name === volume.name)) {
      const named = [...this.#volumes.values()].map((volume) => ({ name: volume.name, volume }));
      ordered = named.sort((a, b) => byteOrder(a.name, b.name));
      this.#ordered = ordered;
    }
    return ordered.map(({ volume }) => volume);
  }
}

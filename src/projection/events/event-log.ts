import { Broadcast } from '../../base/broadcast.ts';
import type { Clock } from '../../base/clock.ts';
import { OldestKeys } from '../../base/oldest-keys.ts';
import { cutText } from '../../base/text.ts';
import { type EventDraft, type EventRecorder, type InvolvedObject, involvedPod } from '../../objects/event.ts';

/** The volume that an event is about, and its time in milliseconds since 1970 UTC. */
type EventHead = {
  readonly volumeId: string;
  readonly namespace: string;
  /** The workload, as far as the request names it. */
  readonly pod: { readonly name: string; readonly uid: string } | undefined;
  readonly time: number;
};

/**
 * - `object`: the store reported a change.
 * - `request`: a mount or an update asked for other contents.
 * - `refresh`: a refresh without either found a change, or renewed a token.
 */
type UpdateCause = 'object' | 'request' | 'refresh';

/** An event of a volume, without its head. `reason` is one word, as in an event of Kubernetes. */
export type VolumeIncident =
  | { readonly type: 'mounted' | 'unmounted'; readonly target: string }
  | {
      readonly type: 'updated';
      readonly oldGeneration: string | undefined;
      readonly newGeneration: string;
      readonly changedPaths: readonly string[];
      readonly cause: UpdateCause;
      /** Milliseconds from the store's report of the change to the swap; undefined for other causes. */
      readonly propagationMs: number | undefined;
    }
  /** An earlier failure or warning is over. */
  | { readonly type: 'recovered'; readonly message: string }
  | { readonly type: 'update-skipped'; readonly target: string; readonly message: string }
  | { readonly type: 'failed' | 'warning'; readonly reason: string; readonly message: string };

export type VolumeEvent = EventHead & VolumeIncident;

/** Never changed: a repeat replaces it by an event with a higher count. */
export type RecordedEvent = EventDraft & {
  /** The same for all repeats. */
  readonly id: string;
  readonly count: number;
  /** Milliseconds since 1970 UTC. */
  readonly firstTime: number;
  readonly lastTime: number;
  /** Higher than that of every earlier record, even if the clock goes back. */
  readonly revision: number;
};

/** Undefined fields match every event. */
export type EventFilter = {
  readonly namespace?: string | undefined;
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
};

/** Milliseconds after the last repeat; the API server's default. */
const KEPT_MS = 60 * 60 * 1000;
/** Events over all objects, and of one. */
const MAX_EVENTS = 10_000;
const MAX_EVENTS_OF_OBJECT = 100;
/** Groups of similar events whose messages are remembered. */
const MAX_GROUPS = 2_000;
/** UTF-8 bytes of a message; Kubernetes' limit for an event's note. */
const MAX_MESSAGE_BYTES = 1024;
/** UTF-8 bytes of a name; more than a valid one has. */
const MAX_NAME_BYTES = 320;
/** Events that a reader may fall behind. */
const READER_LIMIT = 4096;

const COMBINED = '(combined from similar events): ';

/**
 * Events of this node. Those of a volume can be watched as they are (`watchVolumes`), and are recorded in memory in
 * Kubernetes' form (`list`, `watch`): a repeat of a message raises the count, and many messages for one reason are
 * combined. A noisy object pushes out only its own oldest events.
 */
export class EventLog implements EventRecorder {
  readonly #clock: Clock;
  readonly #listener: ((event: VolumeEvent) => void) | undefined;
  /** By object, reason and message, least recently recorded first, as is each object's set. */
  readonly #events = new Map<string, RecordedEvent>();
  readonly #oldest = new OldestKeys(this.#events);
  /** Milliseconds since 1970 UTC. No event expires before. */
  #nextExpiry = 0;
  readonly #keysOfObject = new Map<string, Set<string>>();
  readonly #similar = new SimilarEvents();
  readonly #volumeReaders = new Broadcast<VolumeEvent>('watch volumes', READER_LIMIT);
  readonly #readers = new Broadcast<RecordedEvent>('watch events', READER_LIMIT);
  #revision = 0;

  /** `listener` is called with every event of a volume, before its readers see it. */
  constructor({ clock, listener }: { clock: Clock; listener?: ((event: VolumeEvent) => void) | undefined }) {
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Of the newest record; 0 without any. */
  get revision(): number {
    return this.#revision;
  }

  /** Does not wait for readers. */
  emit(event: VolumeEvent): void {
    const { volumeId, namespace, pod } = event;
    const [type, reason, text] = described(event);
    const ofVolume = { kind: 'Volume', namespace, name: volumeId, uid: '', fieldPath: '' } as const;
    const involved = (pod && involvedPod(namespace, pod)) ?? ofVolume;
    // The object is shown beside the message.
    const message = involved.kind === 'Volume' ? text : `volume "${volumeId}": ${text}`;
    this.record({ involved, type, reason, message });
    this.#listener?.(event);
    this.#volumeReaders.send(event);
  }

  /** `first`, then events from now on, of one volume or all. Ends and errors as in `Broadcast.read`. */
  watchVolumes(
    volumeId: string | undefined,
    first: readonly VolumeEvent[],
    signal: AbortSignal,
  ): AsyncIterable<VolumeEvent> {
    const matches = (event: VolumeEvent) => volumeId === undefined || event.volumeId === volumeId;
    return this.#volumeReaders.read(first, matches, signal);
  }

  record(draft: EventDraft): void {
    const now = this.#clock.now();
    this.#expire(now);
    const { kind, namespace, name, uid, fieldPath } = draft.involved;
    // Names and parts of messages come from requests, so each is cut.
    const involved = {
      kind,
      namespace: cutText(namespace, MAX_NAME_BYTES),
      name: cutText(name, MAX_NAME_BYTES),
      uid: cutText(uid, MAX_NAME_BYTES),
      fieldPath: cutText(fieldPath, MAX_NAME_BYTES),
    };
    const { type } = draft;
    const reason = cutText(draft.reason, MAX_NAME_BYTES);
    const message = cutText(draft.message, MAX_MESSAGE_BYTES);
    const event: EventDraft = { involved, type, reason, message };
    const object = keyOfObject(involved);
    const group = `${object} ${JSON.stringify([involved.fieldPath, type, reason])}`;
    const key = `${group} ${message}`;
    const isSeparate = this.#similar.admits(group, message, now) || this.#events.has(key);
    if (isSeparate) this.#put(object, key, event, now);
    // As in Kubernetes, the combined event has the newest of its messages.
    else this.#put(object, group, { ...event, message: cutText(COMBINED + message, MAX_MESSAGE_BYTES) }, now);
  }

  /** Least recently recorded first. */
  list(filter: EventFilter): readonly RecordedEvent[] {
    this.#expire(this.#clock.now());
    return [...this.#events.values()].filter((event) => matches(event, filter));
  }

  /** New events and repeats until the signal aborts; `resource-exhausted` if the reader is too slow. */
  watch(filter: EventFilter, includeExisting: boolean, signal: AbortSignal): AsyncIterable<RecordedEvent> {
    const first = includeExisting ? this.list(filter) : [];
    return this.#readers.read(first, (event) => matches(event, filter), signal);
  }

  #put(object: string, key: string, { involved, type, reason, message }: EventDraft, now: number): void {
    const before = this.#events.get(key);
    const keys = this.#keysOfObject.get(object) ?? new Set();
    if (before !== undefined) {
      this.#events.delete(key);
      keys.delete(key);
    } else if (keys.size >= MAX_EVENTS_OF_OBJECT) this.#remove([...keys][0]);
    else if (this.#events.size >= MAX_EVENTS) this.#remove(this.#oldest.next());
    this.#revision++;
    const event: RecordedEvent = {
      involved: before?.involved ?? involved,
      type,
      reason,
      message: before?.message === message ? before.message : message,
      id: before?.id ?? `${involved.name}.${now.toString(16)}${this.#revision.toString(16)}`,
      count: (before?.count ?? 0) + 1,
      firstTime: before?.firstTime ?? now,
      lastTime: now,
      revision: this.#revision,
    };
    this.#keysOfObject.set(object, keys.add(key));
    this.#events.set(key, event);
    this.#readers.send(event);
  }

  #remove(key: string | undefined): void {
    const event = key === undefined ? undefined : this.#events.get(key);
    if (key === undefined || event === undefined) return;
    this.#events.delete(key);
    const object = keyOfObject(event.involved);
    const keys = this.#keysOfObject.get(object);
    keys?.delete(key);
    if (keys?.size === 0) this.#keysOfObject.delete(object);
  }

  #expire(now: number): void {
    // The clock may have been set back.
    if (now < this.#nextExpiry && now >= this.#nextExpiry - KEPT_MS) return;
    for (const [key, { lastTime }] of this.#events) {
      this.#nextExpiry = lastTime + KEPT_MS;
      if (now < this.#nextExpiry) return;
      this.#remove(key);
    }
    this.#nextExpiry = now + KEPT_MS;
  }
}

function keyOfObject({ kind, namespace, name, uid }: InvolvedObject): string {
  return JSON.stringify([kind, namespace, name, uid]);
}

function matches({ involved }: RecordedEvent, { namespace, kind, name }: EventFilter): boolean {
  return (
    (namespace === undefined || involved.namespace === namespace) &&
    (kind === undefined || involved.kind === kind) &&
    (name === undefined || involved.name === name)
  );
}

/** Type, reason and message in Kubernetes' form. */
function described(event: VolumeEvent): readonly [type: EventDraft['type'], reason: string, message: string] {
  switch (event.type) {
    case 'mounted':
      return ['Normal', 'SuccessfulMount', `mounted${placeOf(event)}`];
    case 'unmounted':
      return ['Normal', 'Unmounted', `unmounted${placeOf(event, 'from')}`];
    case 'updated':
      // The time it took differs each time. It is left out, so that an update of the same files counts as a repeat.
      return ['Normal', 'Updated', `updated${listPaths(event.changedPaths)}`];
    case 'recovered':
      return ['Normal', 'Recovered', event.message];
    case 'update-skipped':
      // A warning because somebody has to act: the workload reads old values until it is mounted again.
      return ['Warning', 'UpdateSkipped', event.message];
    case 'failed':
    case 'warning':
      return ['Warning', event.reason, event.message];
  }
}

/** Empty for a volume that is named after its target. */
function placeOf({ volumeId, target }: { volumeId: string; target: string }, preposition = 'at'): string {
  return target === volumeId ? '' : ` ${preposition} "${target}"`;
}

const NAMED_PATHS = 5;

function listPaths(paths: readonly string[]): string {
  if (paths.length === 0) return '';
  const named = `"${paths.slice(0, NAMED_PATHS).join('", "')}"`;
  return `: ${named}${paths.length > NAMED_PATHS ? ` and ${paths.length - NAMED_PATHS} more` : ''}`;
}

/** Messages of one group that stay separate; Kubernetes has about as many. */
const MAX_MESSAGES = 10;
/** Milliseconds after which a quiet group starts over; as in Kubernetes. */
const QUIET_MS = 10 * 60 * 1000;

type Group = { readonly messages: Set<string>; readonly lastTime: number };

/** Decides which messages of a group of similar events stay separate, and which are combined. */
class SimilarEvents {
  /** Least recently seen first. */
  readonly #groups = new Map<string, Group>();
  readonly #oldest = new OldestKeys(this.#groups);

  /** True for the first different messages since the group was quiet. `now` in milliseconds. */
  admits(key: string, message: string, now: number): boolean {
    const known = this.#groups.get(key);
    const messages = known !== undefined && now - known.lastTime < QUIET_MS ? known.messages : new Set<string>();
    this.#groups.delete(key);
    const oldest = this.#groups.size < MAX_GROUPS ? undefined : this.#oldest.next();
    if (oldest !== undefined) this.#groups.delete(oldest);
    this.#groups.set(key, { messages, lastTime: now });
    if (messages.size < MAX_MESSAGES) messages.add(message);
    return messages.has(message);
  }
}

import { Broadcast } from '../../base/broadcast.ts';
import type { Clock } from '../../base/clock.ts';
import { cutText } from '../../base/text.ts';
import type { EventDraft, EventRecorder, InvolvedObject } from '../../objects/event.ts';

/** An event as it is kept: what happened, how often, and when. Never changed: counting on makes a new one. */
export type RecordedEvent = EventDraft & {
  /** Stays the same while the event is counted on. */
  readonly id: string;
  readonly count: number;
  /** Milliseconds since 1970 UTC. */
  readonly firstTime: number;
  readonly lastTime: number;
  /** Higher than that of everything recorded before, whatever the clock does. */
  readonly revision: number;
};

/** Which events are meant; all where nothing is said. */
export type EventFilter = {
  readonly namespace?: string | undefined;
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
};

/** How long an event is kept after it happened last, in milliseconds; the API server's default. */
const KEPT_MS = 60 * 60 * 1000;
/** Events at most, over all objects and of one. */
const MOST_EVENTS = 10_000;
const MOST_EVENTS_OF_OBJECT = 100;
/** Groups of similar events whose messages are remembered; beyond, the one that was quiet longest starts anew. */
const MOST_GROUPS = 2_000;
/** UTF-8 bytes of a message; Kubernetes' limit for an event's note. */
const MOST_MESSAGE_BYTES = 1024;
/** UTF-8 bytes of a name; more than a valid one has. */
const MOST_NAME_BYTES = 320;
/** How many events a reader may fall behind. */
const READER_LIMIT = 4096;

const COMBINED = '(combined from similar events): ';

/**
 * The events of this node, for a while, in memory. As in Kubernetes: what repeats, down to its message, counts on; many
 * different messages for one reason are combined into one event. One noisy object pushes out its own oldest events only.
 */
export class EventLog implements EventRecorder {
  readonly #clock: Clock;
  /** By `keyOf`, least recently recorded first, as is each object's set. */
  readonly #events = new Map<string, RecordedEvent>();
  readonly #keysOfObject = new Map<string, Set<string>>();
  readonly #similar = new SimilarEvents(MOST_GROUPS);
  readonly #broadcast = new Broadcast<RecordedEvent>('watch events', READER_LIMIT);
  #revision = 0;

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock;
  }

  record(draft: EventDraft): void {
    const now = this.#clock.now();
    this.#expire(now);
    const event = bounded(draft);
    const group = groupOf(event);
    const key = keyOf(group, event.message);
    if (this.#similar.admits(group, event.message, now) || this.#events.has(key)) this.#put(key, event, now);
    else this.#put(keyOf(group, undefined), combined(event), now);
  }

  /** Least recently recorded first. */
  list(filter: EventFilter): readonly RecordedEvent[] {
    this.#expire(this.#clock.now());
    return [...this.#events.values()].filter((event) => isMeant(event, filter));
  }

  /**
   * Events as they are recorded, also those that only count on, until the signal aborts; `resource-exhausted` when the
   * reader is too slow.
   */
  watch(filter: EventFilter, includeExisting: boolean, signal: AbortSignal): AsyncIterable<RecordedEvent> {
    const first = includeExisting ? this.list(filter) : [];
    return this.#broadcast.read(first, (event) => isMeant(event, filter), signal);
  }

  #put(key: string, draft: EventDraft, now: number): void {
    const before = this.#events.get(key);
    this.#revision++;
    const event: RecordedEvent = {
      ...draft,
      id: before?.id ?? `${draft.involved.name}.${now.toString(16)}${this.#revision.toString(16)}`,
      count: (before?.count ?? 0) + 1,
      firstTime: before?.firstTime ?? now,
      lastTime: now,
      revision: this.#revision,
    };
    this.#remove(key);
    this.#makeRoom(objectOf(draft.involved));
    this.#add(key, event);
    this.#broadcast.send(event);
  }

  #add(key: string, event: RecordedEvent): void {
    const object = objectOf(event.involved);
    const keys = this.#keysOfObject.get(object) ?? new Set();
    this.#keysOfObject.set(object, keys.add(key));
    this.#events.set(key, event);
  }

  #remove(key: string): void {
    const event = this.#events.get(key);
    if (event === undefined) return;
    this.#events.delete(key);
    const object = objectOf(event.involved);
    const keys = this.#keysOfObject.get(object);
    keys?.delete(key);
    if (keys?.size === 0) this.#keysOfObject.delete(object);
  }

  #makeRoom(object: string): void {
    const keys = this.#keysOfObject.get(object);
    const ofObject = keys !== undefined && keys.size >= MOST_EVENTS_OF_OBJECT;
    const oldest = ofObject ? first(keys) : this.#events.size >= MOST_EVENTS ? first(this.#events.keys()) : undefined;
    if (oldest !== undefined) this.#remove(oldest);
  }

  #expire(now: number): void {
    for (const [key, { lastTime }] of this.#events) {
      if (lastTime > now - KEPT_MS) return;
      this.#remove(key);
    }
  }
}

function first(keys: Iterable<string>): string | undefined {
  for (const key of keys) return key;
  return undefined;
}

/** Names come from requests, as parts of messages do, so each is cut. */
function bounded({ involved, type, reason, message }: EventDraft): EventDraft {
  const name = (text: string) => cutText(text, MOST_NAME_BYTES);
  return {
    involved: {
      kind: involved.kind,
      namespace: name(involved.namespace),
      name: name(involved.name),
      uid: name(involved.uid),
      fieldPath: name(involved.fieldPath),
    },
    type,
    reason: name(reason),
    message: cutText(message, MOST_MESSAGE_BYTES),
  };
}

/** As Kubernetes does, it has the newest of the messages that it stands for. */
function combined(event: EventDraft): EventDraft {
  return { ...event, message: cutText(COMBINED + event.message, MOST_MESSAGE_BYTES) };
}

function objectOf({ kind, namespace, name, uid }: InvolvedObject): string {
  return JSON.stringify([kind, namespace, name, uid]);
}

/** What may be combined: all but the message. */
function groupOf({ involved, type, reason }: EventDraft): string {
  return JSON.stringify([
    involved.kind,
    involved.namespace,
    involved.name,
    involved.uid,
    involved.fieldPath,
    type,
    reason,
  ]);
}

/** Without a message it is the event that others are combined into. */
function keyOf(group: string, message: string | undefined): string {
  return message === undefined ? group : `${group} ${message}`;
}

function isMeant({ involved }: RecordedEvent, { namespace, kind, name }: EventFilter): boolean {
  return (
    (namespace === undefined || involved.namespace === namespace) &&
    (kind === undefined || involved.kind === kind) &&
    (name === undefined || involved.name === name)
  );
}

/** How many different messages of one group stand for themselves; Kubernetes has about as many. */
const MOST_MESSAGES = 10;
/** A group that was quiet for this long starts anew, in milliseconds; as in Kubernetes. */
const QUIET_MS = 10 * 60 * 1000;

type Group = { readonly messages: Set<string>; readonly lastTime: number };

/** Which messages of a group of similar events stand for themselves, and which are to be combined. */
class SimilarEvents {
  readonly #mostGroups: number;
  /** Least recently seen first. */
  readonly #groups = new Map<string, Group>();

  constructor(mostGroups: number) {
    this.#mostGroups = mostGroups;
  }

  /** Whether the message is among the first different ones since the group was quiet. `now`: milliseconds. */
  admits(key: string, message: string, now: number): boolean {
    const known = this.#groups.get(key);
    const messages = known !== undefined && now - known.lastTime < QUIET_MS ? known.messages : new Set<string>();
    this.#groups.delete(key);
    this.#forgetSome(now);
    this.#groups.set(key, { messages, lastTime: now });
    if (messages.size < MOST_MESSAGES) messages.add(message);
    return messages.has(message);
  }

  #forgetSome(now: number): void {
    for (const [key, { lastTime }] of this.#groups) {
      if (now - lastTime < QUIET_MS && this.#groups.size < this.#mostGroups) return;
      this.#groups.delete(key);
    }
  }
}

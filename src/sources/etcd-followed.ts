import type { ObjectRef, StoredObject } from '../objects/object.ts';
import type { EtcdState } from './etcd-records.ts';
import type { ObjectChange } from './source.ts';

type Change = Pick<ObjectChange, 'type' | 'revision'>;

/** What is known of one followed object: its newest state, and what its followers were told. */
export class EtcdFollowed {
  readonly ref: ObjectRef;
  /** How many follow it. At zero it is dropped. */
  followers = 0;
  /** Of its watch on the present stream; undefined where there is none. */
  watchId: number | undefined;
  /** The read that is to find out its state; settled where that is known. */
  reading: Promise<void> | undefined;
  #state: EtcdState | undefined;
  /** The `changedAt` that followers know of; undefined before the first state. */
  #told: number | undefined;
  /** A state under another history: what it was changed at means nothing any more. */
  #isOtherHistory = false;

  constructor(ref: ObjectRef) {
    this.ref = ref;
  }

  /** Undefined while nothing is known. */
  get state(): EtcdState | undefined {
    return this.#state;
  }

  /** The object, if it is there. Throws when it is there and cannot be opened. The state must be known. */
  get object(): StoredObject | undefined {
    if (this.#state?.problem !== undefined) throw this.#state.problem;
    return this.#state?.object;
  }

  /** Nothing is known any more: etcd tells another history. What is read next counts as a change. */
  forget(): void {
    this.#state = undefined;
    this.#isOtherHistory = true;
  }

  /** It was not changed up to this revision. */
  confirm(revision: number): void {
    if (this.#state !== undefined && revision > this.#state.revision) this.#state = { ...this.#state, revision };
  }

  /** An event, or a write of our own. Undefined when it is known already, or overtaken. */
  happened(next: EtcdState, type: ObjectChange['type']): Change | undefined {
    if (this.#state !== undefined && next.revision <= this.#state.revision) return undefined;
    this.#keep(next);
    return { type, revision: next.revision };
  }

  /** A state that was read. Answers what changed since followers were told, as one change however many there were. */
  found(next: EtcdState): Change | undefined {
    if (this.#state !== undefined && next.revision <= this.#state.revision) return undefined;
    const told = this.#told;
    const isOther = this.#isOtherHistory;
    this.#keep(next);
    // What the first read finds is where they begin, and no change.
    if (told === undefined) return undefined;
    if (next.changedAt === told && !isOther) return undefined;
    if (next.changedAt === 0) return told === 0 ? undefined : { type: 'deleted', revision: next.revision };
    return { type: told === 0 ? 'added' : 'modified', revision: next.changedAt };
  }

  #keep(next: EtcdState): void {
    this.#state = next;
    this.#told = next.changedAt;
    this.#isOtherHistory = false;
  }
}

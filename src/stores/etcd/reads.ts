import { hasCode, LanternError } from '../../base/errors.ts';
import { describeRef, type ObjectRef } from '../../objects/object.ts';
import { type EtcdRecords, type EtcdState, MAX_READ_AT_ONCE } from './records.ts';

/** Concurrent requests. Further reads wait for the next request. */
const MAX_UNDER_WAY = 2;
const WHAT = 'read objects in etcd';

/** Resolves at etcd's first answer to this process; `unavailable` if that takes long. */
export type Touched = (what: string, signal: AbortSignal) => Promise<void>;

type Read = {
  readonly ref: ObjectRef;
  readonly resolve: (state: EtcdState) => void;
  readonly reject: (error: unknown) => void;
};

/** Combines concurrent reads into one request: thousands of daemons may start together, with hundreds of reads each. */
export class EtcdReads {
  readonly #records: EtcdRecords;
  readonly #touched: Touched;
  readonly #signal: AbortSignal;
  readonly #waiting: Read[] = [];
  #workers = 0;

  /** `signal` ends all reads. */
  constructor(records: EtcdRecords, touched: Touched, signal: AbortSignal) {
    this.#records = records;
    this.#touched = touched;
    this.#signal = signal;
  }

  /** The newest state. Errors as `EtcdRecords.read`. */
  read(ref: ObjectRef): Promise<EtcdState> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ref, resolve, reject });
      if (this.#workers === MAX_UNDER_WAY) return;
      this.#workers += 1;
      void this.#work();
    });
  }

  /** Callers request objects one after another, so nothing is sent before the first await. */
  async #work(): Promise<void> {
    const failure = await this.#touched(WHAT, this.#signal).catch((error: unknown) => error);
    while (this.#waiting.length > 0) {
      const reads = this.#waiting.splice(0, MAX_READ_AT_ONCE);
      if (failure === undefined) await this.#answer(reads);
      else refuse(reads, failure);
    }
    this.#workers -= 1;
  }

  async #answer(reads: readonly Read[]): Promise<void> {
    try {
      const refs = reads.map(({ ref }) => ref);
      const states = await this.#records.readAll(refs, WHAT, this.#signal);
      for (const [index, state] of states.entries()) reads[index]?.resolve(state);
    } catch (error) {
      // One object that is too large must not fail the others.
      const isOneAtFault = reads.length > 1 && hasCode(error, 'resource-exhausted');
      if (isOneAtFault) for (const read of reads) await this.#answer([read]);
      else refuse(reads, error);
    }
  }
}

function refuse(reads: readonly Read[], error: unknown): void {
  for (const { ref, reject } of reads) reject(errorOf(ref, error));
}

/** Turns a request's error into that of one object. */
function errorOf(ref: ObjectRef, error: unknown): unknown {
  if (!(error instanceof LanternError)) return error;
  const { code, message, reason } = error;
  return new LanternError(code, message.replace(WHAT, `read ${describeRef(ref)}`), {
    ...(reason !== undefined && { reason }),
  });
}

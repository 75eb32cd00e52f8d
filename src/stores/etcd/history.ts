import { randomUUID } from 'node:crypto';
import type { IResponseHeader } from 'etcd3';

/** The known state when a request is sent. A linearizable answer cannot be older. */
type HistoryMark = { readonly epoch: number; readonly revision: number; readonly term: bigint };

/** etcd's progress under a kept id, for comparison by a later process. The cluster is hexadecimal. */
export type SeenHistory = {
  readonly id: string;
  readonly cluster: string;
  readonly revision: number;
  readonly term: bigint;
};

/**
 * Detects that etcd's history is no longer the one that this process or the previous one has seen. A restored snapshot
 * continues from an earlier revision, under an earlier term or as another cluster, and lacks later writes. It is
 * another store with another id, and revisions do not compare across.
 */
export class EtcdHistory {
  readonly #onRestart: () => void;
  #over = new AbortController();
  #keptId = '';
  #restarts = '';
  #wentBack = false;
  #epoch = 0;
  #cluster: string | undefined;
  #revision = 0;
  #term = 0n;

  /** `onRestart` is called when the history changes, even at the first answer: `before` is the last process's. */
  constructor(onRestart: () => void, before?: SeenHistory) {
    this.#onRestart = onRestart;
    if (before === undefined) return;
    this.#keptId = before.id;
    this.#cluster = before.cluster;
    this.#revision = before.revision;
    this.#term = before.term;
  }

  /** `Source.storeId`; empty until etcd has answered. */
  get storeId(): string {
    return this.#keptId === '' ? '' : `${this.#keptId}-${this.#cluster ?? ''}${this.#restarts}`;
  }

  get revision(): number {
    return this.#revision;
  }

  /** For the next process; undefined while etcd keeps no id that identifies this history. */
  get seen(): SeenHistory | undefined {
    if (this.#keptId === '' || this.#cluster === undefined || this.#wentBack) return undefined;
    return { id: this.#keptId, cluster: this.#cluster, revision: this.#revision, term: this.#term };
  }

  /** Grows with each restart. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Aborts at the next restart. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  mark(): HistoryMark {
    return { epoch: this.#epoch, revision: this.#revision, term: this.#term };
  }

  /** Checks the answer to a linearizable read or a write. False if it belongs to a history that has ended. */
  answer(header: IResponseHeader, mark: HistoryMark): boolean {
    const term = BigInt(header.raft_term);
    const isEarlier = Number(header.revision) < mark.revision || term < mark.term;
    const isOther = this.#cluster !== undefined && this.#cluster !== clusterOf(header);
    if (mark.epoch !== this.#epoch) return false;
    if (isEarlier || isOther) {
      this.#wentBack ||= !isOther;
      this.#revision = 0;
      this.#term = 0n;
      this.#cluster = undefined;
      this.#restart();
    }
    this.#cluster = clusterOf(header);
    this.#revision = Math.max(this.#revision, Number(header.revision));
    this.#term = term > this.#term ? term : this.#term;
    return !(isEarlier || isOther);
  }

  /** A revision from a progress message: it can be late, but not ahead. */
  progress(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
  }

  /** Records the id in etcd. Another id means another history, for later processes too. */
  identify(id: string): void {
    if (this.#keptId === id) return;
    // A history that went back has already restarted.
    if (this.#keptId !== '' && !this.#wentBack) this.#restart();
    this.#wentBack = false;
    this.#restarts = '';
    this.#keptId = id;
  }

  isKept(id: string): boolean {
    return this.#keptId === id;
  }

  /** True if etcd went back under this id. It needs another: other processes would take missing objects for deleted. */
  wentBackUnder(id: string): boolean {
    return this.#wentBack && this.#keptId === id;
  }

  #restart(): void {
    this.#epoch += 1;
    // Another cluster differs by its own id, also for a later process.
    this.#restarts = this.#wentBack ? `-${randomUUID()}` : '';
    this.#over.abort();
    this.#over = new AbortController();
    this.#onRestart();
  }
}

function clusterOf(header: IResponseHeader): string {
  return BigInt(header.cluster_id).toString(16);
}

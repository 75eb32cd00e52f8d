import { abortable } from '../base/keyed-lock.ts';

/** A node that starts with thousands of objects has these many calls under way in the end… */
const MOST = 16;
/** …and these many at first, one more with every answer. */
const FIRST = 2;

/**
 * How many calls are under way at one member of etcd. A call that was not answered in time halves it: when thousands of
 * nodes start together, each of them waits for a few answers rather than asks again for all of them, which would keep
 * etcd busy with what nobody waits for any more.
 */
export class EtcdTurns {
  readonly #waiting: (() => void)[] = [];
  #limit = FIRST;
  #underWay = 0;

  get limit(): number {
    return this.#limit;
  }

  /** Waits for a turn, which `leave` ends. */
  async enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#underWay < this.#limit) {
      this.#underWay += 1;
      return;
    }
    const turn = new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
    try {
      await abortable(turn, signal);
    } catch (error) {
      // Its turn comes all the same, and is passed on.
      void turn.then(() => this.leave());
      throw error;
    }
  }

  leave(): void {
    this.#underWay -= 1;
    this.#admit();
  }

  answered(): void {
    this.#limit = Math.min(MOST, this.#limit + 1);
    this.#admit();
  }

  unanswered(): void {
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
  }

  #admit(): void {
    while (this.#underWay < this.#limit) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#underWay += 1;
      next();
    }
  }
}

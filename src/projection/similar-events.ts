/** How many different messages of one group stand for themselves; Kubernetes has about as many. */
const MOST_MESSAGES = 10;
/** A group that was quiet for this long starts anew, in milliseconds; as in Kubernetes. */
const QUIET_MS = 10 * 60 * 1000;

type Group = { readonly messages: Set<string>; readonly lastTime: number };

/** Which messages of a group of similar events stand for themselves, and which are to be combined. */
export class SimilarEvents {
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

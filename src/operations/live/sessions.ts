import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';

const TOKEN_BYTES = 32;
/** Milliseconds; `page.proto` and the command say so. */
const CODE_MS = 10 * 60 * 1000;
/** The oldest code or session makes room. */
const MAX_CODES = 16;
const MAX_SESSIONS = 64;

/** A token is remembered by its digest: comparing digests takes the same time for all guesses. */
type Issued = { readonly digest: Buffer; readonly at: number };

/**
 * Who may see the page. A code, which is in an address, can be exchanged once for a session, which only a tab of a
 * browser has. A code that stays in a terminal or in a browser's history is worth nothing. All end with the daemon.
 */
export class Sessions {
  readonly #clock: Clock;
  #codes: readonly Issued[] = [];
  #sessions: readonly Issued[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** For ten minutes. */
  newCode(): string {
    const [code, issued] = this.#issue();
    this.#codes = [...this.#codes, issued].slice(-MAX_CODES);
    return code;
  }

  /** A session's token; undefined for a code that is unknown, used or too old. */
  exchange(code: string): string | undefined {
    const now = this.#clock.monotonic();
    const valid = this.#codes.filter(({ at }) => now - at < CODE_MS);
    const found = find(valid, code);
    this.#codes = valid.filter((issued) => issued !== found);
    if (found === undefined) return undefined;
    const [token, issued] = this.#issue();
    this.#sessions = [...this.#sessions, issued].slice(-MAX_SESSIONS);
    return token;
  }

  admits(token: string): boolean {
    return find(this.#sessions, token) !== undefined;
  }

  #issue(): readonly [token: string, issued: Issued] {
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    return [token, { digest: digestOf(token), at: this.#clock.monotonic() }];
  }
}

/** Looks at all of them. */
function find(all: readonly Issued[], token: string): Issued | undefined {
  const digest = digestOf(token);
  return all.filter((issued) => timingSafeEqual(issued.digest, digest))[0];
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

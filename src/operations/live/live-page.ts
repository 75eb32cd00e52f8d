import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { descriptorLimit } from '../../base/host-resources.ts';
import type { Log } from '../../base/log.ts';
import { isLoopback } from '../../base/loopback.ts';
import type { VolumeEvent } from '../../projection/events/event-log.ts';
import {
  type ConnectionObserver,
  connectionLimits,
  RefusedConnections,
} from '../../rpc/transport/connection-limits.ts';
import { hostAndPortOf } from '../../rpc/transport/tcp-listener.ts';
import { type Answer, type Page, PageServer, type Pages, plainPage, type StreamedPage } from '../page-server.ts';
import { Follower, type Shown } from './follower.ts';
import { Sessions } from './sessions.ts';
import { Swaps } from './swaps.ts';

type LivePageSettings = {
  /** `HOST:PORT`. */
  readonly address: string;
  /** The directory of the built page. */
  readonly files: URL;
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: ConnectionObserver | undefined;
};

const FILES = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/style.css': ['style.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
} as const;

/** Nothing that is not the page's own file; no text becomes markup or code. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const PROTECTION = {
  'content-security-policy': POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
};

/**
 * A page that shows volumes, events and pools as they change, without contents of objects. Everybody who reaches the
 * address gets its files; the data only a browser with a session, see `Sessions`. The session is sent in a header, not
 * in a cookie: a browser sends the cookies of a host to all of its ports, which may belong to other users.
 */
export class LivePage implements AsyncDisposable {
  readonly #address: string;
  readonly #sessions: Sessions;
  readonly #swaps = new Swaps();
  readonly #clock: Clock;
  readonly #followers = new Set<Follower>();
  readonly #maxFollowers: number;
  #server: PageServer | undefined;
  #shown: Shown | undefined;

  private constructor({ address, clock }: LivePageSettings, maxFollowers: number) {
    this.#address = address;
    this.#sessions = new Sessions(clock);
    this.#clock = clock;
    this.#maxFollowers = maxFollowers;
  }

  /** `failed-precondition` if the address cannot be bound. */
  static async start(settings: LivePageSettings): Promise<LivePage> {
    const { address, files, clock, log, observer } = settings;
    const { live: limits } = connectionLimits(descriptorLimit());
    // The other half is for files, sessions and refusals.
    const made = new LivePage(settings, Math.floor(limits.all / 2));
    const refused = new RefusedConnections(log, clock, observer);
    const guard = {
      headers: PROTECTION,
      refusal: ({ host }: IncomingHttpHeaders) => (made.#isOwnHost(host) ? undefined : plainPage(403, WRONG_HOST)),
    };
    const gate = { listener: 'live', limits, refused, clock, guard } as const;
    made.#server = await PageServer.listen(address, made.#pages(files), gate);
    return made;
  }

  get port(): number {
    return this.#server?.port ?? 0;
  }

  /** Called once, when the daemon is complete. */
  show(shown: Shown): void {
    this.#shown = shown;
  }

  /** Every event of a volume. */
  readonly hear = (event: VolumeEvent): void => {
    this.#swaps.hear(event);
    for (const follower of this.#followers) follower.changed(event.volumeId);
  };

  /**
   * An address that opens the page once. The part that is secret is its fragment, which browsers do not send.
   *
   * Attack: `localhost` is two addresses, and another user listens at the one that is free. A browser may try that one
   * first, and the page that it gets reads the fragment. So the address that is bound stands for the name.
   */
  newAddress(): string {
    const { host: named } = hostAndPortOf(this.#address);
    const host = isLoopback(named) ? (this.#server?.host ?? named) : named;
    const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
    return `http://${isIP(reached) === 6 ? `[${reached}]` : reached}:${this.port}/#${this.#sessions.newCode()}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }

  #pages(directory: URL): Pages {
    const files = Object.entries(FILES).map(([path, [name, type]]): [string, Answer] => {
      const body = readFileSync(new URL(name, directory));
      return [path, () => ({ status: 200, type, body })];
    });
    return new Map([
      ...files,
      ['POST /session', (headers) => this.#newSession(headers)],
      ['/stream', (headers) => this.#stream(headers)],
    ]);
  }

  #newSession(headers: IncomingHttpHeaders): Page {
    const session = this.#sessions.exchange(tokenOf(headers));
    if (session === undefined) return plainPage(401, `this address was used before, or is too old; ${NEW_ADDRESS}\n`);
    return plainPage(200, session);
  }

  #stream(headers: IncomingHttpHeaders): Page | StreamedPage {
    if (!this.#sessions.admits(tokenOf(headers))) return plainPage(401, `this page is for its owner; ${NEW_ADDRESS}\n`);
    const shown = this.#shown;
    if (shown === undefined) return plainPage(503, 'the daemon is starting\n');
    if (this.#followers.size >= this.#maxFollowers) {
      return plainPage(503, `${this.#maxFollowers} pages are open already; close one of them\n`);
    }
    return { status: 200, type: 'text/event-stream', pieces: (signal) => this.#follow(shown, signal) };
  }

  async *#follow(shown: Shown, signal: AbortSignal): AsyncGenerator<string, void> {
    const follower = new Follower({ shown, swaps: this.#swaps, clock: this.#clock });
    this.#followers.add(follower);
    try {
      yield* follower.follow(signal);
    } finally {
      this.#followers.delete(follower);
    }
  }

  /**
   * Attack: a site of the attacker's gives its own name the address of this machine, and its script reads this page as
   * its own (DNS rebinding). Its requests carry the site's name. An address cannot be given to another one.
   */
  #isOwnHost(header = ''): boolean {
    const [, name = ''] = /^(\[[\da-f:.]+\]|[^\s:@/[\]]+)(?::\d+)?$/.exec(header.toLowerCase()) ?? [];
    const host = name.replace(/^\[|\]$/g, '');
    const own = hostAndPortOf(this.#address).host.toLowerCase();
    return host === own || isLoopback(host) || (isIP(host) !== 0 && !isLoopback(own));
  }
}

const NEW_ADDRESS = '"lantern page" prints a new address';
const WRONG_HOST = `this page is not at the host name in the address; ${NEW_ADDRESS}\n`;

/** Empty if there is none. */
function tokenOf({ authorization = '' }: IncomingHttpHeaders): string {
  return /^Bearer ([\w-]+)$/.exec(authorization)?.[1] ?? '';
}

import { connect as connectSocket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { hasCode, LanternError } from '../base/errors.ts';
import { retry } from '../base/retry.ts';
import { socketProblem } from '../operations/check-health.ts';
import type { LanternClient } from '../rpc/client.ts';
import type { Cli } from './command.ts';
import { settingOf } from './settings.ts';

export async function withDaemon<T>(
  cli: Cli,
  command: Command,
  action: (daemon: LanternClient) => Promise<T>,
): Promise<T> {
  const socket = socketOf(cli, command);
  // Loading gRPC takes 0.1 s, which help, wrong usage and `create --dry-run=client` do not need.
  const { connect } = await import('../rpc/client.ts');
  const daemon = connect(socket);
  try {
    return await action(daemon);
  } catch (error) {
    if (error instanceof LanternError && error.code === 'unavailable') throw await explain(socket, error);
    throw error;
  } finally {
    daemon.close();
  }
}

export function socketOf(cli: Cli, command: Command): string {
  return settingOf(cli, 'socket', command.optsWithGlobals<{ socket?: string }>().socket).value;
}

/** Adds cause and advice if nothing listens at the socket. The daemon's own "unavailable" passes unchanged. */
async function explain(socket: string, error: LanternError): Promise<LanternError> {
  const problem = await problemOf(socket);
  if (problem === undefined) return error;
  const advice = 'start it with "lantern serve", or set --socket or LANTERN_SOCKET';
  return new LanternError('unavailable', `cannot reach the daemon at "${socket}": ${problem}; ${advice}`, {
    cause: error,
  });
}

/** Undefined if connecting works. gRPC's own error contains only "unavailable". */
function problemOf(socket: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = connectSocket(socket);
    probe.once('connect', () => {
      probe.destroy();
      resolve(undefined);
    });
    probe.once('error', (error) => resolve(socketProblem(error) ?? 'an unknown error'));
  });
}

export async function allPages<Page extends { readonly nextPageToken: string }, Item>(
  fetchPage: (pageToken: string) => Promise<Page>,
  itemsOf: (page: Page) => readonly Item[],
): Promise<Item[]> {
  const items: Item[] = [];
  let token = '';
  do {
    const page = await fetchPage(token);
    items.push(...itemsOf(page));
    token = page.nextPageToken;
  } while (token !== '');
  return items;
}

export function sayAway({ terminal }: Cli): void {
  terminal.complain('lantern: lost the connection to the daemon; waiting for it');
}

/** For a daemon that restarts. Attempts before gRPC reconnects fail at once and cost nothing. */
const BACKOFF = { firstMs: 100, maxMs: 1_000, jitter: 0.2 };

/** Milliseconds to wait for a daemon that restarts. */
const PATIENCE_MS = 60_000;

/** Unlike the clock's, these waits keep the process alive: without a connection nothing else would. */
export const PAUSE = {
  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    await delay(ms, undefined, { signal });
  },
};

/** After the end of a stream: repeats `call` until the daemon answers. Throws `unavailable` after a minute. */
export async function onceBack<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  // Prevents a busy loop around streams that end at once.
  await PAUSE.sleep(BACKOFF.firstMs, signal);
  return await retry(call, {
    clock: PAUSE,
    signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
    backoff: BACKOFF,
    isTransient: (error) => hasCode(error, 'unavailable'),
  });
}

/**
 * A stream that begins again when the daemon, which has answered before, has restarted: `look` finds that out. Throws
 * `unavailable` after a minute.
 */
export async function* acrossRestarts<T>(
  open: () => AsyncIterable<T>,
  { look, signal, onAway }: { look: () => Promise<unknown>; signal: AbortSignal; onAway: () => void },
): AsyncGenerator<T, void> {
  for (; !signal.aborted; await onceBack(look, signal)) {
    try {
      yield* open();
    } catch (error) {
      if (!hasCode(error, 'unavailable')) throw error;
      onAway();
    }
    if (signal.aborted) return;
  }
}

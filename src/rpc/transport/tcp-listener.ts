import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import type { Server } from 'node:net';
import { LanternError, toLanternError } from '../../base/errors.ts';

/**
 * Binds one of `newListener`'s servers to every address of a `host:port`, and gives the port. `failed-precondition` when none of them can be
 * bound.
 */
export async function listenOnTcp(newListener: () => Server, address: string): Promise<number> {
  const what = `listen on "${address}"`;
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  let port = Number(address.slice(colon + 1));
  let failure: LanternError | undefined;
  let isBound = false;
  for (const found of await addressesOf(host, what)) {
    const listener = newListener();
    try {
      listener.listen({ host: found, port });
      await once(listener, 'listening');
      port = portOf(listener);
      isBound = true;
    } catch (error) {
      failure ??= bindError(error, what);
    }
  }
  if (!isBound) throw failure ?? new LanternError('failed-precondition', `${what}: its host name has no address`);
  return port;
}

async function addressesOf(host: string, what: string): Promise<readonly string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (error) {
    throw toLanternError(error, what);
  }
}

function portOf(listener: Server): number {
  const bound = listener.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

/** What stands against listening, by the errno that grpc-js leaves in the text of its error and nowhere else. */
const PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there; stop it, or choose another address',
  EADDRNOTAVAIL: 'this machine does not have that address',
};

/** Why a server could not be bound, as an error that says what to do where that is known. `what` as in `toLanternError`. */
export function bindError(error: unknown, what: string): LanternError {
  const errno = error instanceof Error ? /\bE[A-Z]{3,}\b/.exec(error.message)?.[0] : undefined;
  const problem = errno === undefined ? undefined : PROBLEMS[errno];
  if (problem !== undefined) return new LanternError('failed-precondition', `${what}: ${problem}`, { cause: error });
  return toLanternError(errno === undefined ? error : Object.assign(new Error(errno), { code: errno }), what);
}

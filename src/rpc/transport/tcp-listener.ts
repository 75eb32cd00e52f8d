import { once } from 'node:events';
import type { Server } from 'node:net';
import { errnoOf, LanternError, toLanternError } from '../../base/errors.ts';

/** Each address needs a server of its own. Returns the port. `failed-precondition` if none can be bound. */
export async function listenOnTcp(newListener: () => Server, address: string): Promise<number> {
  const what = `listen on "${address}"`;
  const { host, port: wanted } = hostAndPortOf(address);
  let port = wanted;
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
  // Few daemons listen on TCP.
  const { lookup } = await import('node:dns/promises');
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (error) {
    throw bindError(error, what);
  }
}

/** An IPv6 host is in brackets. */
export function hostAndPortOf(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

/** 0 if the server is not bound. */
export function portOf(listener: Pick<Server, 'address'>): number {
  const bound = listener.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

const PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there; stop it, or choose another address',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'its host name is unknown',
  EACCES: 'this user may not use that port',
};

/** `failed-precondition` for the known causes. `what` as for `toLanternError`. */
export function bindError(error: unknown, what: string): LanternError {
  const problem = PROBLEMS[errnoOf(error) ?? ''];
  if (problem === undefined) return toLanternError(error, what);
  return new LanternError('failed-precondition', `${what}: ${problem}`, { cause: error });
}

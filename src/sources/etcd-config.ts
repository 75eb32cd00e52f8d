import { BlockList, isIP } from 'node:net';
import type { Fault } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/** Where an etcd is, and who this daemon is there. */
export type EtcdConfig = {
  /** `http://host:port` or `https://host:port`, all alike; never empty. */
  readonly endpoints: readonly string[];
  /** Everything lies below it: begins with a slash and does not end with one. */
  readonly prefix: string;
  /** Paths of PEM files; the system's authorities where `ca` is undefined. */
  readonly ca: string | undefined;
  readonly pair: { readonly cert: string; readonly key: string } | undefined;
  readonly login: { readonly user: string; readonly passwordFile: string } | undefined;
  /** Daemons that start together make their first call within this, each at random. */
  readonly startSpreadMs: number;
};

const MAX_PREFIX_BYTES = 255;

/** `URL,URL`. */
export function etcdEndpoints(text: string, field: string): Parsed<readonly string[]> {
  const faults: Fault[] = [];
  const endpoints = text.split(',').map((part) => {
    const url = URL.canParse(part) ? new URL(part) : undefined;
    const isPlain = url !== undefined && url.pathname === '/' && url.search === '' && url.hash === '';
    // A port that the scheme implies is left out by URL; etcd's own is another.
    const match = /^(https?):\/\/(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]/?#@]+):\d{1,5}\/?$/.exec(part);
    if (!isPlain || match === null) {
      // With a password in it, the text must not be repeated.
      const shown = part.includes('@') ? 'an endpoint with "@" in it' : `"${part}"`;
      faults.push({
        field,
        message: `${shown} must be http://HOST:PORT or https://HOST:PORT, e.g. https://127.0.0.1:2379`,
      });
    }
    return part.replace(/\/$/, '');
  });
  const schemes = new Set(endpoints.map((endpoint) => endpoint.split(':')[0]));
  if (faults.length === 0 && schemes.size > 1) faults.push({ field, message: 'must be all http or all https' });
  return faults.length > 0 ? faulty(faults) : parsed([...new Set(endpoints)]);
}

export function etcdPrefix(text: string, field: string): Parsed<string> {
  if (/^(?:\/[-._A-Za-z0-9]+)+$/.test(text) && text.length <= MAX_PREFIX_BYTES) return parsed(text);
  const rule = `must be one or more of "/NAME", of letters, digits, "-", "_" and ".", ${MAX_PREFIX_BYTES} bytes at most`;
  return faulty([{ field, message: `"${text}" ${rule}` }]);
}

export function etcdUser(text: string, field: string): Parsed<string> {
  return text === '' ? faulty([{ field, message: 'must not be empty' }]) : parsed(text);
}

type EtcdOptions = {
  readonly isChosen: boolean;
  readonly endpoints: readonly string[] | undefined;
  readonly prefix: string | undefined;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly user: string | undefined;
  readonly passwordFile: string | undefined;
  readonly insecure: boolean | undefined;
  readonly startSpreadMs: number | undefined;
};

/** etcd as the flags describe it; undefined where another store is chosen, or something is faulty. */
export function etcdOf(given: EtcdOptions, faults: Fault[]): EtcdConfig | undefined {
  const { isChosen, endpoints, prefix, ca, cert, key, user, passwordFile, insecure, startSpreadMs } = given;
  const refuse = (field: string, message: string) => void faults.push({ field, message });
  if (!isChosen) {
    const flags = {
      endpoints,
      prefix,
      ca,
      cert,
      key,
      user,
      'password-file': passwordFile,
      'start-spread': startSpreadMs,
    };
    for (const [name, value] of Object.entries(flags)) {
      if (value !== undefined) refuse(`--etcd-${name}`, 'needs --store etcd as well');
    }
    if (insecure === true) refuse('--insecure-etcd', 'needs --store etcd as well');
    return undefined;
  }
  if ((cert === undefined) !== (key === undefined)) {
    refuse(cert === undefined ? '--etcd-key' : '--etcd-cert', '--etcd-cert and --etcd-key go together; give both');
  }
  if ((user === undefined) !== (passwordFile === undefined)) {
    const field = user === undefined ? '--etcd-password-file' : '--etcd-user';
    refuse(field, '--etcd-user and --etcd-password-file go together; give both');
  }
  if (endpoints === undefined) {
    // Given, but faulty: that has been said.
    const isGiven = faults.some(({ field }) => /etcd.endpoints$/i.test(field));
    if (!isGiven) refuse('--etcd-endpoints', 'is required with --store etcd');
    return undefined;
  }
  if (endpoints.every((endpoint) => endpoint.startsWith('https:'))) {
    if (insecure === true) refuse('--insecure-etcd', 'has no meaning with https endpoints');
  } else {
    for (const [name, value] of Object.entries({ ca, cert, key })) {
      if (value !== undefined) refuse(`--etcd-${name}`, 'has no meaning with http endpoints; use https');
    }
    const exposed = user !== undefined ? endpoints : endpoints.filter((endpoint) => !isLoopback(endpoint));
    if (exposed.length > 0 && insecure !== true) {
      const what = user !== undefined ? 'the password' : 'what is written and read';
      refuse(
        '--etcd-endpoints',
        `${what} would cross the network unprotected; use https (or, on a network of your own, --insecure-etcd)`,
      );
    }
  }
  return {
    endpoints,
    prefix: prefix ?? DEFAULT_ETCD_PREFIX,
    ca,
    pair: cert === undefined || key === undefined ? undefined : { cert, key },
    login: user === undefined || passwordFile === undefined ? undefined : { user, passwordFile },
    startSpreadMs: startSpreadMs ?? DEFAULT_START_SPREAD_MS,
  };
}

export const DEFAULT_ETCD_PREFIX = '/lantern';
export const DEFAULT_START_SPREAD_MS = 500;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

function isLoopback(endpoint: string): boolean {
  const host = new URL(endpoint).hostname.replace(/^\[|\]$/g, '');
  if (host === 'localhost') return true;
  const version = isIP(host);
  return version !== 0 && LOOPBACK.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

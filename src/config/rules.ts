import { dirname, join } from 'node:path';
import { isLoopback } from '../base/loopback.ts';
import type { EtcdConfig } from '../stores/etcd/identity.ts';
import { type GivenOptions, type NamesIn, namesIn, type OptionName } from './given-options.ts';
import { MAX_SOCKET_PATH_BYTES } from './option.ts';
import { OPTIONS } from './options.ts';

/** `insecure` and `tls` exclude each other. */
export type TcpConfig = {
  /** `host:port`. */
  readonly address: string;
  /** Plain TCP: everyone who can connect has full access. */
  readonly insecure: boolean;
  /** Clients must have a certificate of the client CA. */
  readonly tls?: TlsFiles;
};

/** Paths of PEM files. */
export type TlsFiles = { readonly cert: string; readonly key: string; readonly clientCa: string };

/** TCP is off, uses mutual TLS, or is plain on explicit request. Anything else is a fault. */
export function tcpOf(given: GivenOptions<NamesIn<'TCP'>>): TcpConfig | undefined {
  const { listen, tlsCert: cert, tlsKey: key, tlsClientCa: clientCa, insecurePlainTcp: insecure } = given.values;
  if (listen === undefined) {
    refuseAll(given, 'TCP', 'needs --listen HOST:PORT as well');
    return undefined;
  }
  if (insecure) {
    if ([cert, key, clientCa].some((path) => path !== undefined)) {
      given.refuse('insecurePlainTcp', 'cannot be combined with --tls-cert, --tls-key and --tls-client-ca');
    }
    return { address: listen, insecure };
  }
  if (cert === undefined || key === undefined || clientCa === undefined) {
    const files = Object.entries({ '--tls-cert': cert, '--tls-key': key, '--tls-client-ca': clientCa });
    const missing = files.flatMap(([flag, path]) => (path === undefined ? [flag] : []));
    given.refuse(
      'listen',
      `TCP needs mutual TLS: add ${missing.join(', ')} (or, on a network of your own, --insecure-plain-tcp)`,
    );
    return undefined;
  }
  return { address: listen, insecure, tls: { cert, key, clientCa } };
}

/** Undefined with another store, or if an option is faulty. */
export function etcdOf(given: GivenOptions<NamesIn<'etcd'> | 'store'>): EtcdConfig | undefined {
  const { values } = given;
  if (values.store !== 'etcd') {
    if (!given.isFaulty('store')) refuseAll(given, 'etcd', 'needs --store etcd as well');
    return undefined;
  }
  const pair = bothOf(given, 'etcdCert', 'etcdKey');
  const login = bothOf(given, 'etcdUser', 'etcdPasswordFile');
  const { etcdEndpoints: endpoints } = values;
  if (endpoints === undefined) {
    given.refuse('etcdEndpoints', 'is required with --store etcd');
    return undefined;
  }
  checkEtcdTransport(given, endpoints);
  return {
    endpoints,
    prefix: values.etcdPrefix,
    ca: values.etcdCa,
    pair: pair && { cert: pair[0], key: pair[1] },
    login: login && { user: login[0], passwordFile: login[1] },
    startSpreadMs: values.etcdStartSpread,
  };
}

export function checkTogether(given: GivenOptions<OptionName>, sockets: { lantern: string; hasTcp: boolean }): void {
  const { values } = given;
  if (values.publisher === 'bind') {
    const noEffect = 'has no effect with --publisher bind, which keeps volumes in its own memory';
    if (values.allowDisk) given.refuse('allowDisk', noEffect);
    if (values.directInSharedDirectories) given.refuse('directInSharedDirectories', noEffect);
  }
  if (values.poolTotalBytes !== undefined && values.poolTotalBytes < values.poolBytes) {
    given.refuse('poolTotalBytes', `must be at least the size of one pool (--pool-size, ${values.poolBytes} bytes)`);
  }
  if (sockets.hasTcp && values.targetRoots.length === 0) {
    given.refuse('targetRoots', 'is required with --listen: clients could mount anywhere without it');
  }
  if (dirname(values.csiSocket) === values.runDirectory) {
    const example = join(values.runDirectory, 'csi', 'csi.sock');
    given.refuse('csiSocket', `must lie in a directory of its own, e.g. "${example}"`);
  }
  checkPage(given);
  if (values.dockerSocket === undefined && given.isGiven('dockerNamespaces')) {
    given.refuse('dockerNamespaces', 'needs --docker-plugin-socket PATH as well');
  }
  for (const [name, path = ''] of [
    ['runDirectory', sockets.lantern],
    ['csiSocket', values.csiSocket],
    ['dockerSocket', values.dockerSocket],
    ['credentialsSocket', values.credentialsSocket],
  ] as const) {
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
      given.refuse(
        name,
        `the socket path "${path}" is over ${MAX_SOCKET_PATH_BYTES} bytes, which Linux cannot bind; choose a shorter one`,
      );
    }
  }
}

/** Switches that are off are not refused. */
function refuseAll<G extends 'TCP' | 'etcd'>(given: GivenOptions<NamesIn<G>>, group: G, message: string): void {
  for (const name of namesIn(group)) {
    if (given.isGiven(name) && given.values[name] !== false) given.refuse(name, message);
  }
}

type EtcdText = 'etcdCert' | 'etcdKey' | 'etcdUser' | 'etcdPasswordFile';

/** Undefined if neither is given. One alone is a fault. */
function bothOf(
  given: GivenOptions<EtcdText>,
  first: EtcdText,
  second: EtcdText,
): readonly [string, string] | undefined {
  const { [first]: one, [second]: other } = given.values;
  if (one !== undefined && other !== undefined) return [one, other];
  if (one !== undefined || other !== undefined) {
    const both = `${OPTIONS[first].flag} and ${OPTIONS[second].flag}`;
    given.refuse(one === undefined ? second : first, `${both} must be given together`);
  }
  return undefined;
}

function checkEtcdTransport(given: GivenOptions<NamesIn<'etcd'>>, endpoints: readonly string[]): void {
  const { etcdCa, etcdCert, etcdKey, etcdUser, insecureEtcd } = given.values;
  if (endpoints.every((endpoint) => endpoint.startsWith('https:'))) {
    if (insecureEtcd) given.refuse('insecureEtcd', 'has no effect with https endpoints');
    return;
  }
  for (const [name, value] of Object.entries({ etcdCa, etcdCert, etcdKey })) {
    if (value !== undefined) given.refuse(name as NamesIn<'etcd'>, 'has no effect with http endpoints; use https');
  }
  const exposed =
    etcdUser !== undefined ? endpoints : endpoints.filter((endpoint) => !isLoopback(hostOf(new URL(endpoint).host)));
  if (exposed.length === 0 || insecureEtcd) return;
  const what = etcdUser !== undefined ? 'the password' : 'objects';
  given.refuse(
    'etcdEndpoints',
    `${what} would cross the network unprotected; use https (or, on a network of your own, --insecure-etcd)`,
  );
}

function checkPage(given: GivenOptions<OptionName>): void {
  const { pageAddress, insecurePage } = given.values;
  const isExposed = pageAddress !== undefined && !isLoopback(hostOf(pageAddress));
  if (insecurePage && !isExposed) given.refuse('insecurePage', 'has no effect without a --page-address of the network');
  if (!isExposed || insecurePage) return;
  given.refuse(
    'pageAddress',
    `"${pageAddress}" is not on loopback, and the page would cross the network unprotected; ` +
      'use 127.0.0.1 and a tunnel such as "ssh -L" (or, on a network of your own, --insecure-page)',
  );
}

/** Without port and brackets. */
function hostOf(hostAndPort: string): string {
  return hostAndPort.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}

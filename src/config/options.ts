import type { LogFormat, LogLevel } from '../base/log.ts';
import type { Parsed } from '../base/parsed.ts';
import { DEFAULT_ETCD_PREFIX, etcdEndpoints, etcdPrefix, etcdUser } from '../sources/etcd-config.ts';
import {
  byteSize,
  driverName,
  groupId,
  hostAndPort,
  nodeId,
  oneOf,
  path,
  paths,
  period,
  socketEndpoint,
  stringOrUri,
  trueOrFalse,
} from './values.ts';

/** One setting of `lantern serve`: flag, environment variable, help and parser come from here alone. */
export type ConfigOption<T> = {
  readonly flag: `--${string}`;
  /** What the help calls the value; undefined for a switch. */
  readonly value: string | undefined;
  readonly environment: string;
  readonly help: string;
  /** The default in words. */
  readonly defaultText: string;
  /** May be given several times; in the environment separated by colons. */
  readonly repeatable: boolean;
  /** `field` is what a fault calls it: the flag or the variable, whichever was used. */
  readonly parse: (texts: readonly string[], field: string) => Parsed<T>;
};

export type PublisherChoice = 'auto' | 'bind' | 'direct';
export type Isolation = 'namespace' | 'volume';
export type StoreChoice = 'memory' | 'embedded' | 'etcd';
/** How changes of objects are noticed, as the kubelet names it. */
export type ChangeDetection = 'watch' | 'cache' | 'get';

const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];
const LOG_FORMATS: readonly LogFormat[] = ['text', 'json'];
const DEFAULT_POOL_BYTES = 64 * 1024 * 1024;

/** Every setting, in the order of the help. */
export const CONFIG_OPTIONS = {
  runDir: option(
    '--run-dir',
    'DIR',
    path,
    'sockets, pools and records',
    '/run/lantern; without root $XDG_RUNTIME_DIR/lantern',
  ),
  csiEndpoint: {
    ...option(
      '--csi-endpoint',
      'ENDPOINT',
      socketEndpoint,
      'socket of csi.v1: unix:///PATH, unix:/PATH or a path',
      'RUN-DIR/csi/csi.sock',
    ),
    environment: 'CSI_ENDPOINT',
  },
  socketGroup: option('--socket-group', 'GROUP', groupId, 'group (name or gid) that may use the sockets', 'none'),
  listen: option('--listen', 'HOST:PORT', hostAndPort, 'serve on TCP as well, with mutual TLS', 'off'),
  tlsCert: option('--tls-cert', 'FILE', path, "the daemon's certificate, PEM", 'none'),
  tlsKey: option('--tls-key', 'FILE', path, "the daemon's private key, PEM", 'none'),
  tlsClientCa: option('--tls-client-ca', 'FILE', path, "authority of the clients' certificates, PEM", 'none'),
  insecurePlainTcp: toggle('--insecure-plain-tcp', 'let --listen do without TLS: everyone who connects is trusted'),
  publisher: option(
    '--publisher',
    'auto|bind|direct',
    oneOf<PublisherChoice>('auto', 'bind', 'direct'),
    'how volumes become visible',
    'auto',
  ),
  allowDisk: toggle('--allow-disk', 'let the direct publisher write secrets to a real disk'),
  directInSharedDirectories: toggle(
    '--direct-in-shared-directories',
    'let the direct publisher use targets in directories that others can write to, who may then move or remove them',
  ),
  isolation: option(
    '--isolation',
    'namespace|volume',
    oneOf<Isolation>('namespace', 'volume'),
    'what shares a tmpfs',
    'namespace',
  ),
  poolSize: {
    ...option('--pool-size', 'SIZE', byteSize, 'size of one tmpfs', '64Mi, or what all may take if that is less'),
    defaultValue: DEFAULT_POOL_BYTES,
  },
  poolTotal: option('--pool-total', 'SIZE', byteSize, 'limit over all of them', 'half of the memory'),
  requireNoswap: toggle('--require-noswap', 'refuse to run where secrets could be swapped out'),
  store: option(
    '--store',
    'memory|embedded|etcd',
    oneOf<StoreChoice>('memory', 'embedded', 'etcd'),
    'where objects are kept: until the daemon ends, encrypted on disk, or encrypted in an etcd that daemons share',
    'embedded',
  ),
  dataDir: option(
    '--data-dir',
    'DIR',
    path,
    'the embedded store',
    '/var/lib/lantern; without root $XDG_STATE_HOME/lantern or ~/.local/state/lantern',
  ),
  keyFile: {
    ...option(
      '--key-file',
      'FILE',
      path,
      "the store's key, for embedded and etcd; repeated, the first encrypts and all decrypt",
      'DATA-DIR/key, made at the first start',
    ),
    repeatable: true,
    parse: paths,
  },
  etcdEndpoints: option('--etcd-endpoints', 'URL,URL', etcdEndpoints, 'members of the etcd, http or https', 'none'),
  etcdPrefix: option('--etcd-prefix', 'PREFIX', etcdPrefix, 'where in etcd everything lies', DEFAULT_ETCD_PREFIX),
  etcdCa: option('--etcd-ca', 'FILE', path, "authority of the etcd's certificates, PEM", "the system's"),
  etcdCert: option('--etcd-cert', 'FILE', path, "the daemon's certificate for etcd, PEM", 'none'),
  etcdKey: option('--etcd-key', 'FILE', path, 'the private key of that certificate, PEM', 'none'),
  etcdUser: option('--etcd-user', 'NAME', etcdUser, 'the user of etcd that this daemon is', 'none'),
  etcdPasswordFile: option('--etcd-password-file', 'FILE', path, "that user's password", 'none'),
  etcdStartSpread: option(
    '--etcd-start-spread',
    'DURATION',
    period,
    'the first call to etcd is made within this, at random: for thousands of machines that start together',
    '500ms',
  ),
  insecureEtcd: toggle(
    '--insecure-etcd',
    'let --etcd-endpoints do without TLS: the network sees and changes everything',
  ),
  manifests: option('--manifests', 'DIR', path, 'objects to apply at start and whenever a file there changes', 'none'),
  changeDetection: option(
    '--change-detection',
    'watch|cache|get',
    oneOf<ChangeDetection>('watch', 'cache', 'get'),
    'how changes are noticed: at once, or at each sync period from a cache or from the store',
    'watch',
  ),
  syncPeriod: {
    ...option(
      '--sync-period',
      'DURATION',
      period,
      'every volume is looked at again this often; with cache, objects are read again this often',
      '60s',
    ),
    defaultValue: 60_000,
  },
  tokenIssuer: {
    ...option(
      '--token-issuer',
      'ISSUER',
      stringOrUri,
      'who signs service account tokens; their audience where they name none',
      'lantern',
    ),
    defaultValue: 'lantern',
  },
  jwksFile: option(
    '--jwks-file',
    'FILE',
    path,
    'the public keys of those tokens, kept up to date',
    'RUN-DIR/jwks.json',
  ),
  relaxedEnvironmentNames: toggle(
    '--relaxed-environment-names',
    "environment variables may be named in printable ASCII but '=', as from Kubernetes 1.32 on",
  ),
  rootCa: option('--root-ca', 'FILE', path, 'ca.crt of service account tokens, PEM', 'none'),
  targetRoot: {
    ...option(
      '--target-root',
      'DIR',
      path,
      'where targets may lie; may be repeated',
      'anywhere; /var/lib/kubelet/pods with --host kubernetes',
    ),
    repeatable: true,
    parse: paths,
  },
  host: option(
    '--host',
    'generic|kubernetes',
    oneOf('generic', 'kubernetes'),
    'who calls csi.v1; with kubernetes only what the kubelet says of a pod counts',
    'generic',
  ),
  driverName: {
    ...option('--driver-name', 'NAME', driverName, "the CSI plugin's name", 'lantern.csi.dev'),
    defaultValue: 'lantern.csi.dev',
  },
  nodeId: option('--node-id', 'ID', nodeId, "this node's id for CSI", 'the host name'),
  metricsAddress: option(
    '--metrics-address',
    'HOST:PORT',
    hostAndPort,
    'metrics and health over HTTP, without authentication or names of anything: everyone who reaches it may read them',
    'off',
  ),
  logLevel: option('--log-level', LOG_LEVELS.join('|'), oneOf(...LOG_LEVELS), 'how much is logged, on stderr', 'info'),
  logFormat: option('--log-format', LOG_FORMATS.join('|'), oneOf(...LOG_FORMATS), 'shape of the log', 'text'),
  unmountOnExit: toggle('--unmount-on-exit', 'take every volume away at the end, for demos and tests'),
};

function option<T>(
  flag: `--${string}`,
  value: string,
  parse: (text: string, field: string) => Parsed<T>,
  help: string,
  defaultText: string,
): ConfigOption<T> {
  // Of a flag given twice the last one counts, as everywhere on a command line.
  const parseLast = (texts: readonly string[], field: string) => parse(texts.at(-1) ?? '', field);
  return { flag, value, environment: environmentName(flag), help, defaultText, repeatable: false, parse: parseLast };
}

function toggle(flag: `--${string}`, help: string): ConfigOption<boolean> {
  return { ...option(flag, '', trueOrFalse, help, 'off'), value: undefined };
}

function environmentName(flag: string): string {
  return `LANTERN_${flag.slice(2).toUpperCase().replaceAll('-', '_')}`;
}

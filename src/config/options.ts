import { hostname as machineName } from 'node:os';
import { join } from 'node:path';
import { availableMemory, defaultPoolTotal } from '../base/host-resources.ts';
import type { LogFormat, LogLevel } from '../base/log.ts';
import type { EnvNameRule } from '../objects/env-names.ts';
import { defaultDataDirectory, defaultKeyFile } from '../stores/embedded/data-directory.ts';
import {
  address,
  Computed,
  directory,
  driverName,
  endpoint,
  etcdEndpoints,
  etcdPrefix,
  file,
  group,
  namespaces,
  nodeId,
  oneOf,
  option,
  period,
  repeated,
  size,
  socketPath,
  stringOrUri,
  switchBetween,
  toggle,
  unset,
  userName,
} from './option.ts';
import { defaultRunDirectory } from './run-directory.ts';

export const KUBELET_PODS = '/var/lib/kubelet/pods';

const MAX_DEFAULT_POOL_BYTES = 64 * 1024 * 1024;

/**
 * The options of `lantern serve`, in the order of help and documentation. The key is the field of `Config`; the options
 * of TCP form one field together, as do those of etcd.
 */
export const OPTIONS = {
  runDirectory: option(
    'Sockets',
    '--run-dir',
    directory,
    new Computed(
      '/run/lantern; without root $XDG_RUNTIME_DIR/lantern or /dev/shm/lantern-UID',
      (_, { user, environment }) => defaultRunDirectory(user, environment),
    ),
    'directory of the sockets, pools and records',
  ),
  /** A path. The socket's directory holds nothing else. */
  csiSocket: {
    ...option(
      'Sockets',
      '--csi-endpoint',
      endpoint,
      new Computed('RUN-DIR/csi/csi.sock', ({ runDirectory }) => join(runDirectory, 'csi', 'csi.sock')),
      'socket of the CSI services: unix:///PATH, unix:/PATH or a path',
    ),
    environment: 'CSI_ENDPOINT',
  },
  /** If undefined, only the daemon's user may connect. */
  socketGroup: option(
    'Sockets',
    '--socket-group',
    group,
    unset(),
    'group (name or gid) that may connect to the sockets',
  ),

  /** A path; off if undefined. */
  credentialsSocket: option(
    'Sockets',
    '--credentials-socket',
    socketPath,
    unset('off'),
    'socket from which LoadCredential= of systemd reads what UnitCredentials name, e.g. /run/lantern/credentials.sock',
  ),

  listen: option('TCP', '--listen', address, unset('off'), 'additional TCP address to serve on; needs --target-root'),
  tlsCert: option('TCP', '--tls-cert', file, unset(), 'certificate of the daemon, PEM'),
  tlsKey: option('TCP', '--tls-key', file, unset(), 'private key of --tls-cert, PEM'),
  tlsClientCa: option('TCP', '--tls-client-ca', file, unset(), 'CA that signs client certificates, PEM'),
  insecurePlainTcp: option(
    'TCP',
    '--insecure-plain-tcp',
    toggle,
    false,
    'serve --listen without TLS; everyone who can connect has full access',
  ),

  host: option(
    'CSI host',
    '--host',
    oneOf('generic', 'kubernetes'),
    'generic',
    'caller of the CSI services; with kubernetes, only the kubelet is trusted to identify pods, and no tokens are issued',
  ),
  driverName: option('CSI host', '--driver-name', driverName, 'lantern.csi.dev', 'name of the CSI driver'),
  nodeId: option(
    'CSI host',
    '--node-id',
    nodeId,
    new Computed('the host name', (_, { hostname = machineName() }) => hostname),
    'ID of this node in CSI',
  ),

  /** No plugin if undefined. */
  dockerSocket: option(
    'Docker',
    '--docker-plugin-socket',
    socketPath,
    unset('off'),
    "socket of a volume plugin for Docker, e.g. /run/docker/plugins/lantern.sock; the driver's name is that of the file",
  ),
  /** If empty, volumes may be in any. */
  dockerNamespaces: option(
    'Docker',
    '--docker-namespaces',
    namespaces,
    new Computed('all', () => []),
    'namespaces that volumes of Docker may be in',
  ),

  publisher: option(
    'Targets',
    '--publisher',
    oneOf('auto', 'bind', 'direct'),
    'auto',
    'how volumes appear at targets: bind mounts them, direct writes files there, auto uses bind if it works',
  ),
  /** If empty, targets may be anywhere. */
  targetRoots: option(
    'Targets',
    '--target-root',
    repeated(directory),
    new Computed(`anywhere; ${KUBELET_PODS} with --host kubernetes`, ({ host }) =>
      host === 'kubernetes' ? [KUBELET_PODS] : [],
    ),
    'directory that must contain the targets; repeatable',
  ),
  allowDisk: option('Targets', '--allow-disk', toggle, false, 'let the direct publisher write secrets to a disk'),
  directInSharedDirectories: option(
    'Targets',
    '--direct-in-shared-directories',
    toggle,
    false,
    'let the direct publisher use targets that other users can move or remove, in directories they can write to',
  ),
  unmountOnExit: option('Targets', '--unmount-on-exit', toggle, false, 'unmount all volumes on exit, e.g. for demos'),

  isolation: option(
    'Memory',
    '--isolation',
    oneOf('namespace', 'volume'),
    'namespace',
    'create a tmpfs per namespace or per volume',
  ),
  poolTotalBytes: option(
    'Memory',
    '--pool-total',
    size,
    unset('half of the memory'),
    'limit on the size of all tmpfs together',
  ),
  poolBytes: option(
    'Memory',
    '--pool-size',
    size,
    new Computed('64Mi, or --pool-total if that is less', ({ poolTotalBytes }, { memoryBytes = availableMemory() }) =>
      Math.min(MAX_DEFAULT_POOL_BYTES, poolTotalBytes ?? defaultPoolTotal(memoryBytes)),
    ),
    'size of one tmpfs',
  ),
  requireNoswap: option(
    'Memory',
    '--require-noswap',
    toggle,
    false,
    'refuse to start if secrets could be swapped to disk',
  ),

  store: option(
    'Store',
    '--store',
    oneOf('memory', 'embedded', 'etcd'),
    'embedded',
    'where objects are stored: in memory until the daemon ends, encrypted on disk, or encrypted in a shared etcd',
  ),
  dataDirectory: option(
    'Store',
    '--data-dir',
    directory,
    new Computed(
      '/var/lib/lantern; without root $XDG_STATE_HOME/lantern or ~/.local/state/lantern',
      (_, { user, environment }) => defaultDataDirectory(user, environment),
    ),
    "directory of the embedded store, and of the names and options of Docker's volumes",
  ),
  /** Never empty. */
  keyFiles: option(
    'Store',
    '--key-file',
    repeated(file),
    new Computed('DATA-DIR/key, created at the first start', ({ dataDirectory }) => [defaultKeyFile(dataDirectory)]),
    'encryption key of the embedded or etcd store; repeatable: the first encrypts, all decrypt',
  ),

  etcdEndpoints: option('etcd', '--etcd-endpoints', etcdEndpoints, unset(), 'etcd members, all http or all https'),
  etcdPrefix: option('etcd', '--etcd-prefix', etcdPrefix, '/lantern', 'prefix of all keys in etcd'),
  etcdCa: option('etcd', '--etcd-ca', file, unset("the system's CAs"), 'CA that signs the certificates of etcd, PEM'),
  etcdCert: option('etcd', '--etcd-cert', file, unset(), 'client certificate of the daemon, PEM'),
  etcdKey: option('etcd', '--etcd-key', file, unset(), 'private key of --etcd-cert, PEM'),
  etcdUser: option('etcd', '--etcd-user', userName, unset(), 'etcd user of the daemon'),
  etcdPasswordFile: option('etcd', '--etcd-password-file', file, unset(), 'file with the password of --etcd-user'),
  /** Milliseconds. */
  etcdStartSpread: option(
    'etcd',
    '--etcd-start-spread',
    period,
    500,
    'maximum random delay of the first call to etcd; raise it if thousands of daemons start together',
  ),
  insecureEtcd: option(
    'etcd',
    '--insecure-etcd',
    toggle,
    false,
    'allow http to other machines, and passwords over http; anyone on the network can read and change everything',
  ),

  manifests: option(
    'Objects',
    '--manifests',
    directory,
    unset(),
    'directory of manifests that are applied at start and whenever a file in it changes',
  ),
  /** The values of the kubelet's option of this name. */
  changeDetection: option(
    'Objects',
    '--change-detection',
    oneOf('watch', 'cache', 'get'),
    'watch',
    'how volumes learn of changed objects: at once, or every sync period from a cache or from the store',
  ),
  /** Milliseconds; jitter is added. */
  syncPeriodMs: option(
    'Objects',
    '--sync-period',
    period,
    60_000,
    'interval at which every volume is checked; with --change-detection cache, also the lifetime of cached objects',
  ),

  tokenIssuer: option(
    'Tokens',
    '--token-issuer',
    stringOrUri,
    'lantern',
    'issuer of service account tokens, and their audience if none is requested',
  ),
  jwksFile: option(
    'Tokens',
    '--jwks-file',
    file,
    new Computed('RUN-DIR/jwks.json', ({ runDirectory }) => join(runDirectory, 'jwks.json')),
    'file with the public keys of the tokens, kept up to date',
  ),
  rootCa: option('Tokens', '--root-ca', file, unset(), 'certificates shown as ca.crt beside tokens, PEM'),

  environmentNames: option(
    'Pods',
    '--relaxed-environment-names',
    switchBetween<EnvNameRule>('strict', 'relaxed'),
    'strict',
    "allow all printable ASCII except '=' in names of environment variables, as Kubernetes 1.32 and later do",
  ),

  /** `host:port`; no pages if undefined. */
  metricsAddress: option(
    'Observation',
    '--metrics-address',
    address,
    unset('off'),
    'address that serves metrics and health over HTTP, without authentication; they contain no names of objects',
  ),
  pageAddress: option(
    'Observation',
    '--page-address',
    address,
    unset('off'),
    'address that serves a page with volumes, events and pools to the browser that opens what "lantern page" prints',
  ),
  insecurePage: option(
    'Observation',
    '--insecure-page',
    toggle,
    false,
    'allow --page-address outside of loopback: everybody on the way can read the page and take over a session',
  ),
  logLevel: option(
    'Observation',
    '--log-level',
    oneOf<LogLevel>('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    'info',
    'lowest level to log to stderr',
  ),
  logFormat: option('Observation', '--log-format', oneOf<LogFormat>('text', 'json'), 'text', 'format of the log'),
};

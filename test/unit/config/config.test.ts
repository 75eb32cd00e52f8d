import { chmodSync, chownSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { orThrow } from '../../../src/base/parsed.ts';
import { type Config, parseConfig } from '../../../src/config/config.ts';
import type { Surroundings } from '../../../src/config/option.ts';

const AS_ROOT: Surroundings = { environment: {}, user: { uid: 0 }, hostname: 'node-1' };

/** Flags that name an etcd over TLS, and one on this machine. */
const ETCD = { store: 'etcd', etcdEndpoints: 'https://a:2379,https://[fd00::1]:2379' };
const LOCAL = { store: 'etcd', etcdEndpoints: 'http://127.0.0.1:2379' };

const ETCD_DEFAULTS = { ca: undefined, pair: undefined, login: undefined, startSpreadMs: 500 };

function configOf(flags: Record<string, unknown>, environment: Record<string, string> = {}): Config {
  return orThrow(parseConfig(flags, { ...AS_ROOT, environment }));
}

function faultsOf(flags: Record<string, unknown>, surroundings: Partial<Surroundings> = {}): string[] {
  const result = parseConfig(flags, { ...AS_ROOT, ...surroundings });
  return result.ok ? [] : result.faults.map((fault) => `${fault.field}: ${fault.message}`);
}

describe('defaults', () => {
  test('nothing given, as root', () => {
    expect(configOf({})).toEqual({
      runDirectory: '/run/lantern',
      csiSocket: '/run/lantern/csi/csi.sock',
      lanternSocket: '/run/lantern/lantern.sock',
      socketGroup: undefined,
      tcp: undefined,
      publisher: 'auto',
      allowDisk: false,
      directInSharedDirectories: false,
      isolation: 'namespace',
      poolBytes: 67_108_864,
      poolTotalBytes: undefined,
      requireNoswap: false,
      store: 'embedded',
      dataDirectory: '/var/lib/lantern',
      keyFiles: ['/var/lib/lantern/key'],
      etcd: undefined,
      manifests: undefined,
      changeDetection: 'watch',
      syncPeriodMs: 60_000,
      tokenIssuer: 'lantern',
      jwksFile: '/run/lantern/jwks.json',
      rootCa: undefined,
      environmentNames: 'strict',
      targetRoots: [],
      dockerSocket: undefined,
      dockerNamespaces: [],
      host: 'generic',
      driverName: 'lantern.csi.dev',
      nodeId: 'node-1',
      metricsAddress: undefined,
      pageAddress: undefined,
      insecurePage: false,
      logLevel: 'info',
      logFormat: 'text',
      unmountOnExit: false,
    });
    expect(Object.isFrozen(configOf({}))).toBe(true);
  });

  test('the run directory of an ordinary user', () => {
    const runDirectory = (environment: Record<string, string>) =>
      orThrow(parseConfig({}, { ...AS_ROOT, user: { uid: 4_000_001 }, environment })).runDirectory;
    expect(runDirectory({ XDG_RUNTIME_DIR: '/run/user/7' })).toBe('/run/user/7/lantern');
    expect(runDirectory({ XDG_RUNTIME_DIR: 'relative' })).toBe('/dev/shm/lantern-4000001');
    expect(runDirectory({})).toBe('/dev/shm/lantern-4000001');
  });

  test('the data directory of an ordinary user, and its key', () => {
    const of = (environment: Record<string, string>) =>
      orThrow(parseConfig({}, { ...AS_ROOT, user: { uid: 4_000_001 }, environment }));
    expect(of({ XDG_STATE_HOME: '/state', HOME: '/home/u' }).dataDirectory).toBe('/state/lantern');
    expect(of({ XDG_STATE_HOME: 'relative', HOME: '/home/u' })).toMatchObject({
      dataDirectory: '/home/u/.local/state/lantern',
      keyFiles: ['/home/u/.local/state/lantern/key'],
    });
  });

  test('key files: all that are named, in order, and none of the default', () => {
    expect(configOf({ dataDir: '/d' }).keyFiles).toEqual(['/d/key']);
    expect(configOf({ dataDir: '/d', keyFile: ['/new', '/old'] }).keyFiles).toEqual(['/new', '/old']);
    expect(configOf({}, { LANTERN_KEY_FILE: '/new:/old' }).keyFiles).toEqual(['/new', '/old']);
  });

  test.each([
    ['a machine with room for it', {}, 2 ** 28, 2 ** 26],
    ['little memory, half of which is for pools', {}, 2 ** 26, 2 ** 25],
    ['a small limit over all', { poolTotal: '8Mi' }, 2 ** 28, 2 ** 23],
    ['a large limit over all', { poolTotal: '1Gi' }, 2 ** 26, 2 ** 26],
    ['a size that was asked for', { poolSize: '48Mi' }, 2 ** 26, 48 * 2 ** 20],
  ])('the size of a pool fits into what all may take: %s', (_, flags, memoryBytes, bytes) => {
    expect(orThrow(parseConfig(flags, { ...AS_ROOT, memoryBytes })).poolBytes).toBe(bytes);
  });

  test('on a Kubernetes host targets lie below the kubelet', () => {
    expect(configOf({ host: 'kubernetes' }).targetRoots).toEqual(['/var/lib/kubelet/pods']);
    expect(configOf({ host: 'kubernetes', targetRoot: ['/data/kubelet'] }).targetRoots).toEqual(['/data/kubelet']);
  });
});

describe('where a value comes from', () => {
  test('a flag wins over the environment, which wins over the default; an empty variable is none', () => {
    expect(configOf({ poolSize: '2Mi' }, { LANTERN_POOL_SIZE: '4Mi' }).poolBytes).toBe(2 ** 21);
    expect(configOf({}, { LANTERN_POOL_SIZE: '4Mi' }).poolBytes).toBe(2 ** 22);
    expect(configOf({}, { LANTERN_POOL_SIZE: '' }).poolBytes).toBe(2 ** 26);
    expect(configOf({}, { CSI_ENDPOINT: 'unix:///csi/csi.sock' }).csiSocket).toBe('/csi/csi.sock');
    expect(configOf({}, { LANTERN_TARGET_ROOT: '/a:/b' }).targetRoots).toEqual(['/a', '/b']);
    expect(configOf({}, { LANTERN_ALLOW_DISK: 'true' }).allowDisk).toBe(true);
    expect(configOf({}, { LANTERN_ALLOW_DISK: '0' }).allowDisk).toBe(false);
  });

  test('a fault names whichever was used', () => {
    expect(faultsOf({ logLevel: 'loud' })).toEqual([
      expect.stringMatching(/^--log-level: "loud" must be one of trace, /),
    ]);
    expect(faultsOf({}, { environment: { LANTERN_LOG_LEVEL: 'loud' } })).toEqual([
      expect.stringMatching(/^LANTERN_LOG_LEVEL: /),
    ]);
    expect(faultsOf({ poolSize: '2Mi' }, { environment: { LANTERN_POOL_TOTAL: '1Mi' } })).toEqual([
      expect.stringMatching(/^LANTERN_POOL_TOTAL: must be at least/),
    ]);
  });

  test.each<[Record<string, string>, string]>([
    [{ LANTERN_ETCD_CA: '/ca' }, 'LANTERN_ETCD_CA: needs --store etcd as well'],
    [{ LANTERN_TLS_KEY: '/k' }, 'LANTERN_TLS_KEY: needs --listen HOST:PORT as well'],
    [
      { LANTERN_STORE: 'etcd', LANTERN_ETCD_ENDPOINTS: 'https://a:1', LANTERN_ETCD_USER: 'u' },
      'LANTERN_ETCD_USER: --etcd-user and --etcd-password-file must be given together',
    ],
    [{ LANTERN_STORE: 'disk', LANTERN_ETCD_CA: '/ca' }, 'LANTERN_STORE: "disk" must be one of memory, embedded, etcd'],
  ])('a fault of several options names the variable too: %j', (environment, fault) => {
    expect(faultsOf({}, { environment })).toEqual([fault]);
  });
});

describe('good values', () => {
  test.each<[Record<string, unknown>, Partial<Config>]>([
    [{ csiEndpoint: 'unix:///a/b.sock' }, { csiSocket: '/a/b.sock' }],
    [{ csiEndpoint: 'unix:/a/b.sock' }, { csiSocket: '/a/b.sock' }],
    [{ csiEndpoint: '/a/b.sock' }, { csiSocket: '/a/b.sock' }],
    [{ runDir: '/x/../y/' }, { runDirectory: '/y', lanternSocket: '/y/lantern.sock', csiSocket: '/y/csi/csi.sock' }],
    [{ poolSize: '1.5Gi' }, { poolBytes: 1_610_612_736 }],
    [{ poolSize: '3000k' }, { poolBytes: 3_000_000 }],
    [{ poolSize: '1048576' }, { poolBytes: 1_048_576 }],
    [{ poolTotal: '64Mi' }, { poolTotalBytes: 67_108_864 }],
    [{ socketGroup: '1234' }, { socketGroup: 1234 }],
    [
      { dockerPluginSocket: '/run/docker/plugins/lantern.sock', dockerNamespaces: 'a,b' },
      { dockerSocket: '/run/docker/plugins/lantern.sock', dockerNamespaces: ['a', 'b'] },
    ],
    [{ socketGroup: 'root' }, { socketGroup: 0 }],
    [{ driverName: 'a' }, { driverName: 'a' }],
    [{ metricsAddress: '[::1]:9090' }, { metricsAddress: '[::1]:9090' }],
    [{ driverName: `a${'1'.repeat(61)}z` }, { driverName: `a${'1'.repeat(61)}z` }],
    [
      { listen: '[::1]:7443', insecurePlainTcp: true, targetRoot: ['/srv'] },
      { tcp: { address: '[::1]:7443', insecure: true } },
    ],
    [
      { listen: 'h:1', tlsCert: '/c', tlsKey: '/k', tlsClientCa: '/a', targetRoot: ['/srv', '/mnt'] },
      {
        tcp: { address: 'h:1', insecure: false, tls: { cert: '/c', key: '/k', clientCa: '/a' } },
        targetRoots: ['/srv', '/mnt'],
      },
    ],
    [
      {
        ...ETCD,
        etcdCa: '/ca',
        etcdCert: '/c',
        etcdKey: '/k',
        etcdUser: 'u',
        etcdPasswordFile: '/p',
        etcdStartSpread: '30s',
      },
      {
        store: 'etcd',
        etcd: {
          endpoints: ['https://a:2379', 'https://[fd00::1]:2379'],
          prefix: '/lantern',
          ca: '/ca',
          pair: { cert: '/c', key: '/k' },
          login: { user: 'u', passwordFile: '/p' },
          startSpreadMs: 30_000,
        },
      },
    ],
    [
      { ...LOCAL, etcdPrefix: '/a/b' },
      { etcd: { ...ETCD_DEFAULTS, endpoints: [LOCAL.etcdEndpoints], prefix: '/a/b' } },
    ],
    [
      { store: 'etcd', etcdEndpoints: 'http://10.0.0.1:2379/', insecureEtcd: true },
      { etcd: { ...ETCD_DEFAULTS, endpoints: ['http://10.0.0.1:2379'], prefix: '/lantern' } },
    ],
  ])('%j', (flags, expected) => {
    expect(configOf(flags)).toMatchObject(expected);
  });
});

describe('bad values', () => {
  test.each<[Record<string, unknown>, RegExp]>([
    [{ runDir: '' }, /^--run-dir: must not be empty/],
    [{ runDir: `/${'x'.repeat(100)}`, csiEndpoint: '/csi/csi.sock' }, /^--run-dir: the socket path .* over 107 bytes/],
    [{ dockerPluginSocket: `/${'x'.repeat(107)}` }, /^--docker-plugin-socket: the socket path .* over 107 bytes/],
    [{ dockerNamespaces: 'a' }, /^--docker-namespaces: needs --docker-plugin-socket PATH as well/],
    [{ dockerPluginSocket: '/s', dockerNamespaces: 'a,,b' }, /^--docker-namespaces: /],
    [{ dockerPluginSocket: '/s', dockerNamespaces: 'a, b' }, /^--docker-namespaces: /],
    [{ csiEndpoint: 'tcp://1.2.3.4:5' }, /^--csi-endpoint: .* is not a unix socket; TCP is set with --listen/],
    [{ csiEndpoint: 'unix://relative/path' }, /^--csi-endpoint: .* must have an absolute path/],
    [{ csiEndpoint: 'unix:' }, /^--csi-endpoint: .* must have an absolute path/],
    [{ csiEndpoint: '/run/lantern/csi.sock' }, /^--csi-endpoint: must lie in a directory of its own/],
    [{ csiEndpoint: `/${'x'.repeat(107)}` }, /^--csi-endpoint: the socket path .* over 107 bytes/],
    [{ socketGroup: 'no such group' }, /^--socket-group: "no such group" is not in \/etc\/group/],
    [{ socketGroup: '4294967295' }, /^--socket-group: .* is not a group id/],
    [{ publisher: 'fuse' }, /^--publisher: "fuse" must be one of auto, bind, direct/],
    [{ publisher: 'bind', allowDisk: true }, /^--allow-disk: has no effect with --publisher bind/],
    [
      { publisher: 'bind', directInSharedDirectories: true },
      /^--direct-in-shared-directories: has no effect with --publisher bind/,
    ],
    [{ isolation: 'pod' }, /^--isolation: .* namespace, volume/],
    [{ poolSize: '64 MiB' }, /^--pool-size: "64 MiB" must be a size, e.g. 64Mi/],
    [{ poolSize: '64Mb' }, /^--pool-size: /],
    [{ poolSize: '-1Mi' }, /^--pool-size: /],
    [{ poolSize: '4Ki' }, /^--pool-size: "4Ki" must be at least 1Mi/],
    [{ poolSize: '99999999Ti' }, /^--pool-size: .* more than any machine has/],
    [{ poolSize: '64Mi', poolTotal: '32Mi' }, /^--pool-total: must be at least the size of one pool/],
    [{ targetRoot: ['/a', ''] }, /^--target-root: must not be empty/],
    [{ host: 'nomad' }, /^--host: /],
    [{ driverName: '1.example' }, /^--driver-name: /],
    [{ driverName: 'a'.repeat(64) }, /^--driver-name: /],
    [{ driverName: 'a_b' }, /^--driver-name: /],
    [{ nodeId: '' }, /^--node-id: must not be empty/],
    [{ nodeId: 'n'.repeat(257) }, /^--node-id: must be at most 256 bytes, not 257/],
    [{ metricsAddress: '9090' }, /^--metrics-address: "9090" must be HOST:PORT/],
    [
      { pageAddress: '0.0.0.0:9465' },
      /^--page-address: "0.0.0.0:9465" is not on loopback, .* "ssh -L" .* --insecure-page/,
    ],
    [{ pageAddress: 'node.example:9465' }, /^--page-address: .* is not on loopback/],
    [{ insecurePage: true }, /^--insecure-page: has no effect without/],
    [{ pageAddress: '[::1]:9465', insecurePage: true }, /^--insecure-page: has no effect without/],
    [{ logFormat: 'xml' }, /^--log-format: /],
    [{ listen: '7443' }, /^--listen: "7443" must be HOST:PORT/],
    [{ listen: 'h:65536' }, /^--listen: /],
    [
      { listen: 'h:1', targetRoot: ['/srv'] },
      /^--listen: TCP needs mutual TLS: add --tls-cert, --tls-key, --tls-client-ca/,
    ],
    [{ listen: 'h:1', tlsCert: '/c', tlsKey: '/k', targetRoot: ['/srv'] }, /^--listen: .* add --tls-client-ca \(/],
    [{ listen: 'h:1', insecurePlainTcp: true }, /^--target-root: is required with --listen/],
    [
      { listen: 'h:1', insecurePlainTcp: true, tlsCert: '/c', targetRoot: ['/srv'] },
      /^--insecure-plain-tcp: cannot be combined with --tls-cert/,
    ],
    [{ insecurePlainTcp: true }, /^--insecure-plain-tcp: needs --listen/],
    [{ store: 'etcd' }, /^--etcd-endpoints: is required with --store etcd/],
    [{ etcdEndpoints: 'https://h:1' }, /^--etcd-endpoints: needs --store etcd/],
    [{ etcdPasswordFile: '/p' }, /^--etcd-password-file: needs --store etcd/],
    [{ etcdStartSpread: '30s' }, /^--etcd-start-spread: needs --store etcd/],
    [{ ...ETCD, etcdStartSpread: '30' }, /^--etcd-start-spread: must be a duration/],
    [{ insecureEtcd: true }, /^--insecure-etcd: needs --store etcd/],
    [{ ...ETCD, etcdEndpoints: 'h:2379' }, /^--etcd-endpoints: "h:2379" must be http:/],
    [{ ...ETCD, etcdEndpoints: 'https://h' }, /^--etcd-endpoints: "https:..h" must be/],
    [{ ...ETCD, etcdEndpoints: 'https://h:1/path' }, /^--etcd-endpoints: /],
    [{ ...ETCD, etcdEndpoints: 'https://a:1,' }, /^--etcd-endpoints: "" must be/],
    [{ ...ETCD, etcdEndpoints: 'https://a:1,http://b:1' }, /^--etcd-endpoints: must be all http or all https/],
    [{ ...ETCD, etcdEndpoints: 'https://root:hunter2@h:1' }, /^--etcd-endpoints: an endpoint with "@" in it must be/],
    [{ ...ETCD, etcdEndpoints: 'http://10.0.0.1:1' }, /^--etcd-endpoints: objects .* --insecure-etcd/],
    [{ ...LOCAL, etcdUser: 'u', etcdPasswordFile: '/p' }, /^--etcd-endpoints: the password .* --insecure-etcd/],
    [{ ...LOCAL, etcdCa: '/ca' }, /^--etcd-ca: has no effect with http/],
    [{ ...ETCD, insecureEtcd: true }, /^--insecure-etcd: has no effect with https/],
    [{ ...ETCD, etcdCert: '/c' }, /^--etcd-cert: .* must be given together/],
    [{ ...ETCD, etcdKey: '/k' }, /^--etcd-key: .* must be given together/],
    [{ ...ETCD, etcdUser: 'u' }, /^--etcd-user: .* must be given together/],
    [{ ...ETCD, etcdPrefix: 'lantern' }, /^--etcd-prefix: "lantern" must be/],
    [{ ...ETCD, etcdPrefix: '/a/' }, /^--etcd-prefix: /],
    [{ tlsCert: '/c' }, /^--tls-cert: needs --listen/],
  ])('%j', (flags, expected) => {
    expect(faultsOf(flags)).toEqual([expect.stringMatching(expected)]);
  });

  test.each([
    { pageAddress: '127.0.0.1:9465' },
    { pageAddress: '127.8.8.8:1' },
    { pageAddress: '[::1]:9465' },
    { pageAddress: 'localhost:9465' },
    { pageAddress: '0.0.0.0:9465', insecurePage: true },
  ])('none in %j', (flags) => {
    expect(faultsOf(flags)).toEqual([]);
  });

  test('all faults at once, each once', () => {
    const faults = faultsOf({
      poolSize: 'big',
      host: 'x',
      listen: 'h:1',
      targetRoot: [''],
      nodeId: '',
      driverName: '?',
    });
    expect(faults.map((fault) => fault.split(':')[0]).sort()).toEqual([
      '--driver-name',
      '--host',
      '--listen',
      '--node-id',
      '--pool-size',
      '--target-root',
    ]);
  });

  test('a flag that the environment contradicts', () => {
    expect(faultsOf({}, { environment: { LANTERN_REQUIRE_NOSWAP: 'perhaps' } })).toEqual([
      'LANTERN_REQUIRE_NOSWAP: "perhaps" is neither true nor false',
    ]);
  });
});

describe('the fallback under /dev/shm', () => {
  // A uid that no machine has, so that the name is this test's own.
  const user = { uid: 3_999_999_001 };
  const path = '/dev/shm/lantern-3999999001';

  test.each<[string, () => void, RegExp]>([
    ['a link', () => symlinkSync('/etc', path), /^--run-dir: ".*" is not a directory/],
    [
      'a file owner other than the user',
      () => mkdirSync(path, 0o700),
      /^--run-dir: ".*" belongs to user \d+; remove it/,
    ],
  ])('%s is refused', (_name, plant, expected) => {
    plant();
    try {
      expect(faultsOf({}, { user })).toEqual([expect.stringMatching(expected)]);
    } finally {
      rmSync(path, { recursive: true });
    }
  });

  test.runIf(process.getuid?.() === 0)('an own directory counts only with mode 0700', () => {
    mkdirSync(path, 0o700);
    try {
      chownSync(path, user.uid, user.uid);
      expect(faultsOf({}, { user })).toEqual([]);
      chmodSync(path, 0o755);
      expect(faultsOf({}, { user })).toEqual([expect.stringContaining('has mode 0755 instead of 0700')]);
    } finally {
      rmSync(path, { recursive: true });
    }
  });
});

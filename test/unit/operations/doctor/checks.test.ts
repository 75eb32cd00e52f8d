import { describe, expect, test } from 'vitest';
import { examine, type Verdict, worst } from '../../../../src/operations/doctor/checks.ts';
import type { DoctorFacts, DoctorOptions, PathFact } from '../../../../src/operations/doctor/facts.ts';

const MIB = 2 ** 20;
const WORKS = { works: true, noswap: true, canChangeOwners: true } as const;
const DENIED = { works: false, obstacle: 'mounting is not permitted' } as const;

const missing = (path: string): PathFact => ({ path, state: 'missing' });
const hidden = (path: string): PathFact => ({ path, state: 'hidden', errno: 'EACCES' });
const there = (path: string, type: 'directory' | 'file' | 'socket' | 'other', mode: number, uid = 0): PathFact => ({
  ...{ path, type, mode, uid },
  state: 'there',
});

/** A machine on which all is well, before the first start. */
const OPTIONS: DoctorOptions = {
  runDirectory: '/run/lantern',
  lanternSocket: '/run/lantern/lantern.sock',
  csiSocket: '/run/lantern/csi/csi.sock',
  credentialsSocket: undefined,
  dockerSocket: undefined,
  publisher: 'auto',
  allowDisk: false,
  requireNoswap: false,
  poolBytes: 64 * MIB,
  poolTotalBytes: undefined,
  store: 'embedded',
  dataDirectory: '/var/lib/lantern',
  keyFiles: ['/var/lib/lantern/key'],
  host: 'generic',
  driverName: 'lantern.csi.dev',
  targetRoots: [],
};

const FACTS: DoctorFacts = {
  options: OPTIONS,
  nodeVersion: 'v20.19.0',
  uid: 0,
  canChangeOwners: true,
  kernelRelease: '6.12.0',
  missingCalls: [],
  bind: WORKS,
  sharedMemory: 'usable',
  isRunDirectoryInMemory: true,
  isSwapOn: false,
  memoryBytes: 1024 * MIB,
  securityModule: { kind: 'none' },
  now: Date.UTC(2026, 6, 1),
  monotonic: [1, 2],
  runDirectory: missing('/run/lantern'),
  runDirectoryPropagation: 'private',
  isInOwnMountNamespace: false,
  sockets: [missing('/run/lantern/lantern.sock'), missing('/run/lantern/csi/csi.sock')],
  health: { status: 'unreachable', problem: 'the socket does not exist' },
  storeHealth: { status: 'unreachable', problem: 'the socket does not exist' },
  pools: 0,
  dataDirectory: missing('/var/lib/lantern'),
  hasDatabase: false,
  keyFiles: [missing('/var/lib/lantern/key')],
  kubernetes: undefined,
};

const direct = { options: { ...OPTIONS, publisher: 'direct' } } as const;
const bind = { options: { ...OPTIONS, publisher: 'bind' } } as const;
const strict = { options: { ...OPTIONS, requireNoswap: true } } as const;
const inContainer = { isInOwnMountNamespace: true } as const;
const serving = { health: { status: 'serving' } } as const;
const swap = { isSwapOn: true } as const;
const noNoswap = { bind: { ...WORKS, noswap: false } } as const;
const socket = (mode: number, uid = 0) => [there('/run/lantern/lantern.sock', 'socket', mode, uid), missing('/csi')];
const sized = (sizes: Partial<DoctorOptions>) => ({ options: { ...OPTIONS, ...sizes } });
const kubelet = (change: Partial<NonNullable<DoctorFacts['kubernetes']>>) => ({
  kubernetes: {
    pods: there('/var/lib/kubelet/pods', 'directory', 0o750),
    registry: there('/var/lib/kubelet/plugins_registry', 'directory', 0o755),
    registration: there('/reg.sock', 'socket', 0o700),
    ...change,
  },
});

/** `absent`: the question does not arise. */
type Case = [change: Partial<DoctorFacts>, verdict: Verdict | 'absent', finding?: RegExp];

const CASES: Readonly<Record<string, readonly Case[]>> = {
  node: [
    [{}, 'ok'],
    [{ nodeVersion: 'v24.1.0' }, 'ok'],
    [{ nodeVersion: 'v20.18.3' }, 'problem', /v20\.18\.3 is too old/],
    [{ nodeVersion: 'v18.20.0' }, 'problem'],
  ],
  user: [
    [{}, 'ok', /as root/],
    [{ uid: 7, canChangeOwners: false }, 'warning', /as user 7, and cannot change the owners/],
  ],
  kernel: [
    [{}, 'ok'],
    [{ missingCalls: ['mount_setattr'] }, 'warning', /lacks mount_setattr/],
  ],
  'bind publisher': [
    [{}, 'ok'],
    [{ bind: DENIED }, 'warning', /mounting is not permitted/],
    [{ ...bind, bind: DENIED }, 'problem'],
    [{ ...direct, bind: DENIED }, 'absent'],
    [{ bind: undefined }, 'unknown'],
  ],
  'direct publisher': [
    [{}, 'ok'],
    [bind, 'absent'],
    [{ sharedMemory: 'missing' }, 'warning', /no \/dev\/shm/],
    [{ sharedMemory: 'not-writable', bind: DENIED }, 'problem'],
    [{ ...direct, sharedMemory: 'not-memory' }, 'problem'],
    [{ isRunDirectoryInMemory: false }, 'ok'],
    [{ isRunDirectoryInMemory: false, bind: DENIED }, 'warning', /is not in memory/],
    [{ options: { ...OPTIONS, allowDisk: true } }, 'warning', /may be written to a disk/],
  ],
  swap: [
    [{}, 'ok', /off/],
    [swap, 'ok', /never swapped out/],
    [{ ...swap, ...noNoswap }, 'warning', /pools can be swapped out/],
    [{ ...swap, ...noNoswap, ...strict }, 'problem'],
    [{ ...swap, ...strict }, 'ok'],
    [{ ...swap, ...direct }, 'warning', /targets of the direct publisher/],
    [{ ...swap, bind: DENIED, ...strict }, 'problem'],
    [{ isSwapOn: undefined, ...noNoswap }, 'warning', /may be on/],
  ],
  memory: [
    [{}, 'ok', /may use 512 MiB of 1024 MiB/],
    [{ memoryBytes: 100 * MIB }, 'problem', /A pool of 64 MiB does not fit/],
    [sized({ poolTotalBytes: 2048 * MIB }), 'problem', /would kill the daemon/],
    [sized({ poolTotalBytes: 900 * MIB }), 'warning'],
    [sized({ poolBytes: 512 * MIB }), 'ok'],
    [direct, 'absent'],
  ],
  'security module': [
    [{}, 'ok'],
    [{ securityModule: { kind: 'selinux', isEnforcing: true } }, 'warning', /enforcing/],
    [{ securityModule: { kind: 'selinux', isEnforcing: false } }, 'ok'],
    [{ securityModule: { kind: 'apparmor', profile: 'unconfined' } }, 'ok'],
    [{ securityModule: { kind: 'apparmor', profile: 'docker-default' } }, 'ok'],
    [{ securityModule: { kind: 'apparmor', profile: 'docker-default' }, bind: DENIED }, 'warning', /"docker-default"/],
  ],
  clock: [
    [{}, 'ok', /2026-07-01T/],
    [{ now: 0 }, 'problem', /is wrong: 1970-01-01T/],
    [{ now: Date.UTC(2150, 0, 1) }, 'problem'],
    [{ monotonic: [2, 1] }, 'problem', /backwards/],
    [{ monotonic: [2, 2] }, 'ok'],
  ],
  'run directory': [
    [{}, 'ok', /does not exist yet/],
    [{ runDirectory: there('/r', 'directory', 0o700) }, 'ok', /0700/],
    [{ runDirectory: there('/r', 'directory', 0o750) }, 'ok', /0750/],
    [{ runDirectory: there('/r', 'directory', 0o755) }, 'warning', /all users can list/],
    [{ runDirectory: there('/r', 'directory', 0o770) }, 'problem', /0770/],
    [{ runDirectory: there('/r', 'directory', 0o1777) }, 'problem', /1777/],
    [{ runDirectory: there('/r', 'directory', 0o700, 8) }, 'problem', /belongs to user 8, not to user 0/],
    [{ runDirectory: there('/r', 'other', 0o700) }, 'problem', /not a directory/],
    [{ runDirectory: hidden('/r') }, 'unknown', /EACCES/],
  ],
  propagation: [
    [{}, 'ok', /namespace of the host/],
    [{ ...inContainer, runDirectoryPropagation: 'shared' }, 'ok'],
    [{ ...inContainer, runDirectoryPropagation: 'private' }, 'warning', /private mount/],
    [{ ...inContainer, runDirectoryPropagation: 'slave' }, 'warning', /slave mount/],
    [{ ...inContainer, runDirectoryPropagation: 'unknown' }, 'unknown'],
    [{ isInOwnMountNamespace: undefined, runDirectoryPropagation: 'shared' }, 'ok'],
    [{ isInOwnMountNamespace: undefined, runDirectoryPropagation: 'private' }, 'unknown', /may have a mount namespace/],
    [{ ...inContainer, ...direct }, 'absent'],
    [{ ...inContainer, bind: DENIED }, 'absent'],
  ],
  sockets: [
    [{}, 'ok', /no sockets yet/],
    [{ sockets: socket(0o600) }, 'ok', /0600/],
    [{ sockets: socket(0o660) }, 'ok', /0660/],
    [{ sockets: socket(0o666) }, 'problem', /can read every secret/],
    [{ sockets: socket(0o600, 9) }, 'problem', /belongs to user 9/],
    [{ sockets: [missing('/a'), there('/b', 'file', 0o600)] }, 'problem', /"\/b" is not a socket/],
    [{ sockets: [hidden('/a'), missing('/b')] }, 'unknown'],
  ],
  daemon: [
    [{}, 'ok', /No daemon is running/],
    [serving, 'ok', /is serving/],
    [{ health: { status: 'not-serving' } }, 'warning'],
    [
      { sockets: socket(0o600), health: { status: 'unreachable', problem: 'nothing listens there' } },
      'warning',
      /nothing listens/,
    ],
    [{ health: { status: 'failed', problem: 'it did not answer within 2 s' } }, 'problem', /did not answer/],
  ],
  store: [
    [{}, 'absent'],
    [{ ...serving, storeHealth: { status: 'serving' } }, 'ok', /accepts writes/],
    // An older daemon does not know the question.
    [{ ...serving, storeHealth: { status: 'failed', problem: 'it answered with gRPC status 5' } }, 'ok'],
    [{ ...serving, storeHealth: { status: 'not-serving' } }, 'problem', /cannot store objects/],
  ],
  pools: [
    [{}, 'ok', /no pools of an earlier daemon/],
    [{ pools: 2 }, 'warning', /earlier daemon left 2 pools/],
    [{ pools: 1, ...serving }, 'ok', /has 1 pool mounted/],
    [direct, 'absent'],
    [{ ...direct, pools: 1 }, 'warning'],
  ],
  'data directory': [
    [{}, 'ok', /does not exist yet/],
    [{ dataDirectory: there('/d', 'directory', 0o700) }, 'ok'],
    [{ dataDirectory: there('/d', 'directory', 0o750) }, 'problem', /0750, which gives access to others/],
    [{ dataDirectory: there('/d', 'directory', 0o700, 5) }, 'problem', /user 5/],
    [{ dataDirectory: hidden('/d') }, 'unknown'],
    [sized({ store: 'memory' }), 'absent'],
  ],
  'key files': [
    [{}, 'ok'],
    [{ keyFiles: [there('/k', 'file', 0o600)] }, 'ok'],
    [{ keyFiles: [there('/k', 'file', 0o400)] }, 'ok'],
    [{ keyFiles: [there('/k', 'file', 0o640)] }, 'problem', /0640/],
    [{ keyFiles: [there('/k', 'file', 0o600), there('/l', 'directory', 0o700)] }, 'problem', /"\/l" is not a file/],
    [{ dataDirectory: there('/d', 'directory', 0o700) }, 'ok', /the daemon creates it/],
    [{ hasDatabase: true }, 'problem', /cannot be read without it/],
    [{ hasDatabase: true, ...serving }, 'ok', /from another file/],
    [{ hasDatabase: true, keyFiles: [there('/k', 'file', 0o600)] }, 'ok'],
    [sized({ store: 'memory' }), 'absent'],
  ],
  kubelet: [
    [{}, 'absent'],
    [kubelet({}), 'ok'],
    [kubelet({ pods: missing('/kubelet/pods') }), 'problem', /"\/kubelet\/pods" is not a directory here/],
    [kubelet({ registry: missing('/kubelet/plugins_registry') }), 'problem'],
    [kubelet({ pods: hidden('/kubelet/pods') }), 'unknown'],
  ],
  registration: [
    [{}, 'absent'],
    [kubelet({}), 'ok', /lantern\.csi\.dev/],
    [kubelet({ registration: missing('/reg.sock') }), 'warning', /"lantern\.csi\.dev" is not registered/],
  ],
};

describe.each(Object.entries(CASES))('%s', (name, cases) => {
  const titled = cases.map(([change, verdict, finding = /./]) => [verdict, finding, change] as const);
  test.each(titled)('%s %s', (verdict, finding, change) => {
    const found = examine({ ...FACTS, ...change }).find((candidate) => candidate.name === name);
    expect(found?.verdict ?? 'absent').toBe(verdict);
    if (found === undefined) return;
    expect(found.finding).toMatch(finding);
    // One sentence; and whoever is told of something wrong is told what to do.
    expect(found.finding).toMatch(/^["A-Z].*\.$/s);
    if (verdict !== 'ok') expect(found.nextStep).not.toBe('');
  });
});

test('every check is in the table', () => {
  const everywhere = examine({ ...FACTS, ...serving, ...kubelet({}) }).map(({ name }) => name);
  expect(everywhere).toEqual(Object.keys(CASES));
});

test('all is well on the machine that the table starts from', () => {
  expect(examine(FACTS).filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
});

test.each<[readonly Verdict[], Verdict]>([
  [[], 'ok'],
  [['ok', 'unknown'], 'unknown'],
  [['unknown', 'warning', 'ok'], 'warning'],
  [['warning', 'problem', 'unknown'], 'problem'],
])('the worst of %j is %s', (verdicts, expected) => {
  expect(worst(verdicts)).toBe(expected);
});

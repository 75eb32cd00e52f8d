import { describeErrno } from '../../base/errors.ts';
import { defaultPoolTotal } from '../../base/host-resources.ts';
import { countOf } from '../../base/text.ts';
import type { DoctorFacts, PathFact } from './facts.ts';

/**
 * `warning`: a daemon runs, with limitations. `problem`: it does not start, or cannot serve volumes. `unknown`: the
 * check was not possible.
 */
export type Verdict = 'ok' | 'warning' | 'problem' | 'unknown';

const WORST_FIRST: readonly Verdict[] = ['problem', 'warning', 'unknown', 'ok'];

export function worst(verdicts: readonly Verdict[]): Verdict {
  return WORST_FIRST.find((verdict) => verdicts.includes(verdict)) ?? 'ok';
}

/** `finding` is a sentence. `nextStep` is advice, or empty. */
type Finding = { readonly verdict: Verdict; readonly finding: string; readonly nextStep: string };

export type NamedFinding = Finding & { readonly name: string };

export function examine(facts: DoctorFacts): readonly NamedFinding[] {
  return Object.entries(CHECKS).flatMap(([name, check]) => {
    const finding = check(facts);
    return finding === undefined ? [] : [{ name, ...finding }];
  });
}

/** In the order of display: the machine, then its files and processes. A check that does not apply is undefined. */
const CHECKS: Readonly<Record<string, (facts: DoctorFacts) => Finding | undefined>> = {
  node: checkNode,
  user: checkUser,
  kernel: checkKernel,
  'bind publisher': checkBind,
  'direct publisher': checkDirect,
  swap: checkSwap,
  memory: checkMemory,
  'security module': checkSecurityModule,
  clock: checkClock,
  'run directory': checkRunDirectory,
  propagation: checkPropagation,
  sockets: checkSockets,
  daemon: checkDaemon,
  store: checkStore,
  pools: checkLeftovers,
  'data directory': checkDataDirectory,
  'key files': checkKeyFiles,
  kubelet: checkKubelet,
  registration: checkRegistration,
};

/** The first kernel with all mount calls. */
const BIND_KERNEL = 'Linux 5.12';
/** A clock outside this range is wrong. */
const EARLIEST = Date.UTC(2025, 0, 1);
const LATEST = Date.UTC(2100, 0, 1);
/** Larger pools leave too little memory for everything else. */
const MAX_POOL_SHARE = 0.8;

function checkNode({ nodeVersion }: DoctorFacts): Finding | undefined {
  const [major = 0, minor = 0] = nodeVersion.replace(/^v/, '').split('.').map(Number);
  const isNewEnough = major > 20 || (major === 20 && minor >= 19);
  if (isNewEnough) return ok(`Node.js ${nodeVersion} is new enough.`);
  return problem(`Node.js ${nodeVersion} is too old.`, 'Install Node.js 20.19 or newer.');
}

function checkUser({ uid, canChangeOwners }: DoctorFacts): Finding | undefined {
  const who = uid === 0 ? 'root' : `user ${uid}`;
  if (canChangeOwners) return ok(`Runs as ${who}, and can change the owners of files.`);
  return warning(
    `Runs as ${who}, and cannot change the owners of files: owners and mount groups are refused.`,
    'If volumes need them, run the daemon as root or with CAP_CHOWN and CAP_FOWNER.',
  );
}

function checkKernel({ kernelRelease, missingCalls }: DoctorFacts): Finding | undefined {
  if (missingCalls.length === 0) return ok(`Linux ${kernelRelease} has the mount calls.`);
  return warning(
    `Linux ${kernelRelease}, or a seccomp filter, lacks ${missingCalls.join(', ')}.`,
    `Only the direct publisher works here; bind mounts need ${BIND_KERNEL} or newer, and a filter that allows them.`,
  );
}

function checkBind({ bind, options, securityModule }: DoctorFacts): Finding | undefined {
  if (options.publisher === 'direct') return undefined;
  const advice = `Run as root with CAP_SYS_ADMIN on ${BIND_KERNEL} or newer${
    securityModule.kind === 'apparmor' ? ', and with apparmor:unconfined in a container' : ''
  }; or use --publisher direct.`;
  if (bind === undefined) return unknown('Mounting could not be tested.', advice);
  if (bind.works) return ok('A tmpfs and a read-only bind were mounted and unmounted in a scratch mount namespace.');
  const judge = options.publisher === 'bind' ? problem : warning;
  return judge(`The bind publisher does not work: ${bind.obstacle}.`, advice);
}

function checkDirect(facts: DoctorFacts): Finding | undefined {
  const { sharedMemory, isRunDirectoryInMemory, options } = facts;
  if (options.publisher === 'bind') return undefined;
  if (options.allowDisk) {
    return warning(
      'With --allow-disk, secrets may be written to a disk.',
      'Remove --allow-disk, and mount below /dev/shm.',
    );
  }
  if (sharedMemory !== 'usable') {
    const why = {
      missing: 'there is no /dev/shm',
      'not-memory': '/dev/shm is not a memory file system',
      'not-writable': '/dev/shm is not writable',
    }[sharedMemory];
    const judge = willUseDirect(facts) ? problem : warning;
    return judge(
      `The direct publisher has no place in memory for targets: ${why}.`,
      'Mount a tmpfs for targets, and for --run-dir.',
    );
  }
  if (willUseDirect(facts) && isRunDirectoryInMemory === false) {
    return warning(
      `The direct publisher refuses requests that contain data or tokens: "${options.runDirectory}" is not in memory.`,
      'Put --run-dir on a tmpfs, e.g. below /dev/shm.',
    );
  }
  return ok('The direct publisher works for targets in memory, e.g. below /dev/shm.');
}

function checkSwap(facts: DoctorFacts): Finding | undefined {
  const { isSwapOn, bind, options } = facts;
  if (isSwapOn === false) return ok('Swap is off: memory is not written to a disk.');
  const turnOff = 'Turn swap off, or encrypt it.';
  const swapIs = isSwapOn === undefined ? 'Swap may be on' : 'Swap is on';
  if (willUseDirect(facts)) {
    const judge = options.requireNoswap ? problem : warning;
    return judge(`${swapIs}, and targets of the direct publisher can be swapped out.`, turnOff);
  }
  if (bind?.works && bind.noswap) return ok(`${swapIs}, but pools are never swapped out.`);
  const judge = options.requireNoswap ? problem : warning;
  return judge(`${swapIs}, and pools can be swapped out: tmpfs lacks noswap here.`, `${turnOff} Linux 6.4 has noswap.`);
}

function checkMemory(facts: DoctorFacts): Finding | undefined {
  const { memoryBytes, options } = facts;
  if (willUseDirect(facts)) return undefined;
  const total = options.poolTotalBytes ?? defaultPoolTotal(memoryBytes);
  const sizes = `all pools together may use ${mebibytes(total)} of ${mebibytes(memoryBytes)} of memory`;
  if (options.poolBytes > total) {
    return problem(
      `A pool of ${mebibytes(options.poolBytes)} does not fit: ${sizes}.`,
      'Use a smaller --pool-size, or give the daemon more memory.',
    );
  }
  if (total > memoryBytes) {
    return problem(
      `The kernel would kill the daemon before the pools are full: ${sizes}.`,
      'Use a smaller --pool-total, or give the daemon more memory.',
    );
  }
  if (total > memoryBytes * MAX_POOL_SHARE) {
    return warning(`${sentence(sizes)}.`, 'Use a --pool-total of half the memory, or give the daemon more.');
  }
  return ok(`${sentence(sizes)}.`);
}

function checkSecurityModule({ securityModule, bind }: DoctorFacts): Finding | undefined {
  switch (securityModule.kind) {
    case 'none':
      return ok('Neither AppArmor nor SELinux is enabled.');
    case 'selinux':
      if (!securityModule.isEnforcing) return ok('SELinux is permissive.');
      return warning(
        'SELinux is enforcing, and Lantern does not label volumes: workloads may be denied access to their files.',
        'Make the domains of the workloads permissive, or allow them to read tmpfs_t.',
      );
    case 'apparmor': {
      const { profile } = securityModule;
      if (profile === 'unconfined') return ok('AppArmor does not confine this process.');
      if (bind?.works) return ok(`AppArmor confines this process ("${profile}") and allows it to mount.`);
      return warning(
        `AppArmor confines this process ("${profile}") and may deny mounting.`,
        'In a container, use the profile in deploy/security/apparmor, or apparmor:unconfined.',
      );
    }
  }
}

function checkClock({ now, monotonic: [first, second] }: DoctorFacts): Finding | undefined {
  const time = new Date(now).toISOString();
  if (second < first) {
    return problem(
      'The monotonic clock runs backwards: timers are unreliable.',
      'Check the hardware or the hypervisor.',
    );
  }
  if (now < EARLIEST || now >= LATEST) {
    return problem(`The clock is wrong: ${time}.`, 'Set it, e.g. by NTP: tokens depend on it.');
  }
  return ok(`The clock shows ${time}.`);
}

function willUseDirect({ options, bind }: DoctorFacts): boolean {
  return options.publisher === 'direct' || (options.publisher === 'auto' && !bind?.works);
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}

const GROUP_OR_OTHERS = 0o077;
const OTHERS = 0o007;
const WRITE_BY_OTHERS = 0o022;

function checkRunDirectory({ runDirectory: fact, uid }: DoctorFacts): Finding | undefined {
  if (fact.state === 'missing') return ok(`"${fact.path}" does not exist yet; the daemon creates it.`);
  if (fact.state === 'hidden') return hidden(fact);
  const mode = modeText(fact.mode);
  const fix = `chmod 0700 "${fact.path}"`;
  const bad = notOwn(fact, 'directory', uid);
  if (bad !== undefined) return bad;
  if ((fact.mode & WRITE_BY_OTHERS) !== 0) {
    return problem(`"${fact.path}" has mode ${mode}: other users can create sockets there.`, fix);
  }
  if ((fact.mode & OTHERS) !== 0) {
    return warning(`"${fact.path}" has mode ${mode}: all users can list it.`, fix);
  }
  return ok(`"${fact.path}" has mode ${mode}.`);
}

function checkPropagation({
  isInOwnMountNamespace,
  runDirectoryPropagation,
  bind,
  options,
}: DoctorFacts): Finding | undefined {
  if (options.publisher === 'direct' || bind?.works !== true) return undefined;
  if (isInOwnMountNamespace === false) return ok('The daemon shares the mount namespace of the host.');
  if (runDirectoryPropagation === 'shared') {
    return ok('The run directory is on a shared mount: pools survive a restart in a new mount namespace.');
  }
  const share = 'Put --run-dir on a mount shared with the host (Bidirectional in Kubernetes, rshared in Docker).';
  if (runDirectoryPropagation === 'unknown') {
    return unknown('The mount of the run directory is not in the mount table.', share);
  }
  if (isInOwnMountNamespace === undefined) {
    return unknown(
      `The run directory is on a ${runDirectoryPropagation} mount, and the daemon may have a mount namespace of its own.`,
      `In a container: ${share}`,
    );
  }
  return warning(
    `The run directory is on a ${runDirectoryPropagation} mount: after a restart in a new mount namespace, volumes are not updated until they are mounted again.`,
    share,
  );
}

function checkSockets({ sockets, uid }: DoctorFacts): Finding | undefined {
  const present = sockets.filter((fact) => fact.state === 'there');
  for (const fact of sockets) {
    const bad = socketFault(fact, uid);
    if (bad !== undefined) return bad;
  }
  if (present.length === 0) return ok('There are no sockets yet; the daemon creates them.');
  return ok(`${present.map(({ path, mode }) => `"${path}" has mode ${modeText(mode)}`).join(', ')}.`);
}

function socketFault(fact: PathFact, uid: number): Finding | undefined {
  if (fact.state === 'missing') return undefined;
  if (fact.state === 'hidden') return hidden(fact);
  const bad = notOwn(fact, 'socket', uid);
  if (bad !== undefined) return bad;
  if ((fact.mode & OTHERS) === 0) return undefined;
  return problem(
    `"${fact.path}" has mode ${modeText(fact.mode)}: all users can read every secret through it.`,
    `chmod 0600 "${fact.path}", and find out what changed it: the daemon uses 0600, or 0660 with --socket-group.`,
  );
}

function checkDaemon({ health, options, sockets }: DoctorFacts): Finding | undefined {
  const socket = options.lanternSocket;
  switch (health.status) {
    case 'serving':
      return ok(`A daemon is serving at "${socket}".`);
    case 'not-serving':
      return warning(
        `A daemon answers at "${socket}", but is not serving yet.`,
        'Wait; if that does not help, see in its log what it waits for.',
      );
    case 'failed':
      return problem(
        `The process at "${socket}" is not a daemon that works: ${health.problem}.`,
        'Stop the process that listens there.',
      );
    case 'unreachable': {
      if (sockets.every(({ state }) => state === 'missing')) return ok('No daemon is running here.', 'lantern serve');
      return warning(`No daemon is reachable at "${socket}": ${health.problem}.`, 'lantern serve');
    }
  }
}

function checkStore({ health, storeHealth }: DoctorFacts): Finding | undefined {
  if (health.status !== 'serving') return undefined;
  if (storeHealth.status !== 'not-serving') return ok("The daemon's store accepts writes.");
  return problem(
    'The daemon cannot store objects; volumes keep their contents.',
    "See the reason in its log, and make room on the store's disk; the daemon needs no restart.",
  );
}

function checkLeftovers({ pools, health, options }: DoctorFacts): Finding | undefined {
  if (options.publisher === 'direct' && pools === 0) return undefined;
  const many = countOf(pools, 'pool');
  if (health.status === 'serving' || health.status === 'not-serving') return ok(`The daemon has ${many} mounted.`);
  if (pools === 0) return ok('There are no pools of an earlier daemon.');
  return warning(
    `An earlier daemon left ${many} and the mounts of its volumes.`,
    'lantern serve takes them over; with --unmount-on-exit it unmounts them when it ends.',
  );
}

function checkDataDirectory({ dataDirectory: fact, uid, options }: DoctorFacts): Finding | undefined {
  if (options.store !== 'embedded') return undefined;
  return privateFault(fact, 'directory', uid, 0o700) ?? ok(modeOrMissing(fact));
}

function checkKeyFiles({ keyFiles, hasDatabase, uid, options, health }: DoctorFacts): Finding | undefined {
  if (options.store !== 'embedded') return undefined;
  for (const fact of keyFiles) {
    const bad = privateFault(fact, 'file', uid, 0o600);
    if (bad !== undefined) return bad;
    if (fact.state === 'missing' && hasDatabase) {
      // For example a credential of systemd, which only the daemon sees.
      if (health.status === 'serving') return ok(`The daemon has its key from another file than "${fact.path}".`);
      return problem(
        `"${fact.path}" is missing, and the store in "${options.dataDirectory}" cannot be read without it.`,
        'Restore it, or give its path with --key-file.',
      );
    }
  }
  return ok(keyFiles.map(modeOrMissing).join(' '));
}

function privateFault(fact: PathFact, type: 'directory' | 'file', uid: number, mode: number): Finding | undefined {
  if (fact.state === 'missing') return undefined;
  if (fact.state === 'hidden') return hidden(fact);
  const bad = notOwn(fact, type, uid);
  if (bad !== undefined) return bad;
  if ((fact.mode & GROUP_OR_OTHERS) === 0) return undefined;
  return problem(
    `"${fact.path}" has mode ${modeText(fact.mode)}, which gives access to others: the daemon refuses it.`,
    `chmod ${modeText(mode)} "${fact.path}"`,
  );
}

function modeOrMissing(fact: PathFact): string {
  return fact.state === 'there'
    ? `"${fact.path}" has mode ${modeText(fact.mode)}.`
    : `"${fact.path}" does not exist yet; the daemon creates it.`;
}

function checkKubelet({ kubernetes }: DoctorFacts): Finding | undefined {
  if (kubernetes === undefined) return undefined;
  const { pods, registry } = kubernetes;
  for (const fact of [pods, registry]) {
    if (fact.state === 'hidden') return hidden(fact);
    if (fact.state === 'missing' || fact.type !== 'directory') {
      return problem(
        `"${fact.path}" is not a directory here: the kubelet's root is elsewhere, or not mounted into this container.`,
        "Mount the kubelet's root at the same path; if it is not /var/lib/kubelet, name its pods directory with --target-root.",
      );
    }
  }
  return ok(`The kubelet's "${pods.path}" and "${registry.path}" exist.`);
}

function checkRegistration({ kubernetes, options }: DoctorFacts): Finding | undefined {
  if (kubernetes === undefined) return undefined;
  const { registration } = kubernetes;
  if (registration.state === 'hidden') return hidden(registration);
  if (registration.state === 'there') return ok(`"${options.driverName}" is registered by "${registration.path}".`);
  return warning(
    `"${registration.path}" does not exist: "${options.driverName}" is not registered with the kubelet.`,
    'Run node-driver-registrar beside the daemon, with the same driver name.',
  );
}

const ok = (finding: string, nextStep = ''): Finding => ({ verdict: 'ok', finding, nextStep });
const warning = (finding: string, nextStep: string): Finding => ({ verdict: 'warning', finding, nextStep });
const problem = (finding: string, nextStep: string): Finding => ({ verdict: 'problem', finding, nextStep });
const unknown = (finding: string, nextStep: string): Finding => ({ verdict: 'unknown', finding, nextStep });

/** `0700` */
function modeText(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** Undefined if type and owner are right. */
function notOwn(
  fact: PathFact & { readonly state: 'there' },
  type: 'directory' | 'file' | 'socket',
  uid: number,
): Finding | undefined {
  if (fact.type !== type) {
    const article = type === 'directory' ? 'a directory' : `a ${type}`;
    return problem(`"${fact.path}" is not ${article}.`, 'Remove it, or name another path.');
  }
  if (fact.uid === uid) return undefined;
  return problem(
    `"${fact.path}" belongs to user ${fact.uid}, not to user ${uid}.`,
    'Run as that user, change the owner, or name another path.',
  );
}

function hidden(fact: PathFact & { readonly state: 'hidden' }): Finding {
  return unknown(
    `"${fact.path}" cannot be inspected: ${describeErrno(fact.errno)}.`,
    'Run the doctor as the user that runs the daemon.',
  );
}

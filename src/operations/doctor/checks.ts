import { defaultPoolTotal } from '../../base/host-resources.ts';
import {
  type Check,
  type Finding,
  hidden,
  modeText,
  type NamedFinding,
  notOwn,
  ok,
  problem,
  unknown,
  warning,
} from './check.ts';
import type { DoctorFacts, PathFact } from './facts.ts';

/** Linux 5.12 brought the last of the calls. */
const BIND_KERNEL = 'Linux 5.12';
/** No right clock shows a moment before this project was, or one that nobody of today will see. */
const EARLIEST = Date.UTC(2025, 0, 1);
const LATEST = Date.UTC(2100, 0, 1);
/** Above this part of the memory, pools that fill up leave too little for everything else. */
const LARGEST_PART = 0.8;

const checkNode: Check = ({ nodeVersion }) => {
  const [major = 0, minor = 0] = nodeVersion.replace(/^v/, '').split('.').map(Number);
  const isNewEnough = major > 20 || (major === 20 && minor >= 19);
  if (isNewEnough) return ok(`Node.js ${nodeVersion} runs this.`);
  return problem(`Node.js ${nodeVersion} is too old.`, 'Install Node.js 20.19 or newer.');
};

const checkUser: Check = ({ uid, canChangeOwners }) => {
  const who = uid === 0 ? 'root' : `user ${uid}`;
  if (canChangeOwners) return ok(`Runs as ${who}, and may give files to other users and groups.`);
  return warning(
    `Runs as ${who}, and may not give files to other users and groups: owners and mount groups are refused.`,
    'Where they are needed, run the daemon as root or with CAP_CHOWN and CAP_FOWNER.',
  );
};

const checkKernel: Check = ({ kernelRelease, missingCalls }) => {
  if (missingCalls.length === 0) return ok(`Linux ${kernelRelease} has the mount calls.`);
  return warning(
    `Linux ${kernelRelease}, or a seccomp filter, lacks ${missingCalls.join(', ')}.`,
    `Only the direct publisher works here; for bind mounts take ${BIND_KERNEL} or newer, and a filter that lets them through.`,
  );
};

const checkBind: Check = ({ bind, options, securityModule }) => {
  if (options.publisher === 'direct') return undefined;
  const advice = `Run as root with CAP_SYS_ADMIN on ${BIND_KERNEL} or newer${
    securityModule.kind === 'apparmor' ? ', and with apparmor:unconfined in a container' : ''
  }; or use --publisher direct.`;
  if (bind === undefined) return unknown('Whether mounting works could not be tried.', advice);
  if (bind.works) return ok('A tmpfs and a read-only bind were mounted, and taken away, in a scratch mount namespace.');
  const judge = options.publisher === 'bind' ? problem : warning;
  return judge(`The bind publisher does not work: ${bind.obstacle}.`, advice);
};

const checkDirect: Check = (facts) => {
  const { sharedMemory, isRunDirectoryInMemory, options } = facts;
  if (options.publisher === 'bind') return undefined;
  if (options.allowDisk) {
    return warning('With --allow-disk secrets may reach a disk.', 'Leave --allow-disk out, and mount below /dev/shm.');
  }
  if (sharedMemory !== 'usable') {
    const why = {
      missing: 'there is no /dev/shm',
      'not-memory': '/dev/shm is no memory file system',
      'not-writable': '/dev/shm cannot be written to',
    }[sharedMemory];
    const judge = willUseDirect(facts) ? problem : warning;
    return judge(
      `The direct publisher has no obvious place: ${why}.`,
      'Mount a tmpfs for its targets, and for --run-dir.',
    );
  }
  if (willUseDirect(facts) && isRunDirectoryInMemory === false) {
    return warning(
      `The direct publisher refuses requests with data or tokens of their own: "${options.runDirectory}" is not in memory.`,
      'Put --run-dir on a tmpfs, e.g. below /dev/shm.',
    );
  }
  return ok('The direct publisher works for targets in memory, e.g. below /dev/shm.');
};

const checkSwap: Check = (facts) => {
  const { isSwapOn, bind, options } = facts;
  if (isSwapOn === false) return ok('Swap is off: nothing in memory reaches a disk.');
  const turnOff = 'Turn swap off, or encrypt it.';
  const swapIs = isSwapOn === undefined ? 'Whether swap is on cannot be seen' : 'Swap is on';
  if (willUseDirect(facts)) {
    const judge = options.requireNoswap ? problem : warning;
    return judge(`${swapIs}, and targets of the direct publisher can be swapped out.`, turnOff);
  }
  if (bind?.works && bind.noswap) return ok(`${swapIs}, and pools are kept out of it.`);
  const judge = options.requireNoswap ? problem : warning;
  return judge(
    `${swapIs}, and pools can be swapped out: tmpfs has no noswap here.`,
    `${turnOff} Linux 6.4 has noswap.`,
  );
};

const checkMemory: Check = (facts) => {
  const { memoryBytes, options } = facts;
  if (willUseDirect(facts)) return undefined;
  const total = options.poolTotalBytes ?? defaultPoolTotal(memoryBytes);
  const sizes = `pools may take ${mebibytes(total)} of ${mebibytes(memoryBytes)} of memory`;
  if (options.poolBytes > total) {
    return problem(
      `No pool fits: one takes ${mebibytes(options.poolBytes)}, and all ${sizes}.`,
      'Use a smaller --pool-size, or give the daemon more memory.',
    );
  }
  if (total > memoryBytes) {
    return problem(
      `All ${sizes}: the kernel would end the daemon before they are full.`,
      'Use a smaller --pool-total, or give the daemon more memory.',
    );
  }
  if (total > memoryBytes * LARGEST_PART) {
    return warning(`All ${sizes}.`, 'Use a --pool-total of half of the memory, or give the daemon more.');
  }
  return ok(`All ${sizes}.`);
};

const checkSecurityModule: Check = ({ securityModule, bind }) => {
  switch (securityModule.kind) {
    case 'none':
      return ok('Neither AppArmor nor SELinux is in force.');
    case 'selinux':
      if (!securityModule.isEnforcing) return ok('SELinux only logs.');
      return warning(
        'SELinux is enforcing, which Lantern does not label volumes for: workloads may be denied their files.',
        'Set it to permissive for these domains, or allow them to read tmpfs_t.',
      );
    case 'apparmor': {
      const { profile } = securityModule;
      if (profile === 'unconfined') return ok('AppArmor does not confine this process.');
      if (bind?.works) return ok(`AppArmor confines this process ("${profile}") and lets it mount.`);
      return warning(
        `AppArmor confines this process ("${profile}") and may deny mounting.`,
        'In a container use the profile in deploy/security/apparmor, or apparmor:unconfined.',
      );
    }
  }
};

const checkClock: Check = ({ now, monotonic: [first, second] }) => {
  const time = new Date(now).toISOString();
  if (second < first) {
    return problem(
      'The monotonic clock runs backwards: timers cannot be relied on.',
      'Look for a fault of this machine.',
    );
  }
  if (now < EARLIEST || now >= LATEST) {
    return problem(
      `The clock says ${time}, which cannot be.`,
      'Set it, e.g. with an NTP service: tokens depend on it.',
    );
  }
  return ok(`The clock says ${time}.`);
};

/** Which publisher a daemon would take. */
function willUseDirect({ options, bind }: DoctorFacts): boolean {
  return options.publisher === 'direct' || (options.publisher === 'auto' && !bind?.works);
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}

const GROUP_OR_OTHERS = 0o077;
const OTHERS = 0o007;
const WRITE_BY_OTHERS = 0o022;

export const checkRunDirectory: Check = ({ runDirectory: fact, uid }) => {
  if (fact.state === 'missing') return ok(`"${fact.path}" is not there yet; the daemon makes it.`);
  if (fact.state === 'hidden') return hidden(fact);
  const mode = modeText(fact.mode);
  const fix = `chmod 0700 "${fact.path}"`;
  const bad = notOwn(fact, 'directory', uid);
  if (bad !== undefined) return bad;
  if ((fact.mode & WRITE_BY_OTHERS) !== 0) {
    return problem(`"${fact.path}" has mode ${mode}: others can put their own sockets there.`, fix);
  }
  if ((fact.mode & OTHERS) !== 0) {
    return warning(`"${fact.path}" has mode ${mode}: everybody can look into it.`, fix);
  }
  return ok(`"${fact.path}" has mode ${mode}.`);
};

const checkPropagation: Check = ({ isInOwnMountNamespace, runDirectoryPropagation, bind, options }) => {
  if (options.publisher === 'direct' || bind?.works !== true) return undefined;
  if (isInOwnMountNamespace === false) return ok('The daemon would share the mount namespace of the host.');
  if (runDirectoryPropagation === 'shared') {
    return ok('The run directory lies on a shared mount: pools outlive a restart in a new mount namespace.');
  }
  const share = 'Put --run-dir on a mount shared with the host (Bidirectional in Kubernetes, rshared in Docker).';
  if (runDirectoryPropagation === 'unknown') {
    return unknown('The mount that the run directory lies on was not found in the mount table.', share);
  }
  if (isInOwnMountNamespace === undefined) {
    return unknown(
      `Whether the daemon has a mount namespace of its own cannot be seen, and the run directory lies on a ${runDirectoryPropagation} mount.`,
      `In a container: ${share}`,
    );
  }
  return warning(
    `The run directory lies on a ${runDirectoryPropagation} mount: after a restart in a new mount namespace volumes are updated only when mounted again.`,
    share,
  );
};

const checkSockets: Check = ({ sockets, uid }) => {
  const present = sockets.filter((fact) => fact.state === 'there');
  for (const fact of sockets) {
    const bad = socketFault(fact, uid);
    if (bad !== undefined) return bad;
  }
  if (present.length === 0) return ok('There are no sockets yet; the daemon makes them.');
  return ok(`${present.map(({ path, mode }) => `"${path}" has mode ${modeText(mode)}`).join(', ')}.`);
};

function socketFault(fact: PathFact, uid: number): Finding | undefined {
  if (fact.state === 'missing') return undefined;
  if (fact.state === 'hidden') return hidden(fact);
  const bad = notOwn(fact, 'socket', uid);
  if (bad !== undefined) return bad;
  if ((fact.mode & OTHERS) === 0) return undefined;
  return problem(
    `"${fact.path}" has mode ${modeText(fact.mode)}: everybody who opens it can read every secret.`,
    `chmod 0600 "${fact.path}", and find out who changed it: the daemon makes it 0600, or 0660 with --socket-group.`,
  );
}

const checkDaemon: Check = ({ health, options, sockets }) => {
  const socket = options.lanternSocket;
  switch (health.status) {
    case 'serving':
      return ok(`A daemon serves at "${socket}".`);
    case 'not-serving':
      return warning(
        `A daemon answers at "${socket}", but does not serve yet.`,
        'Wait; if that does not help, read its log for what it waits for.',
      );
    case 'failed':
      return problem(`Something answers at "${socket}", but: ${health.problem}.`, 'Stop what listens there.');
    case 'unreachable': {
      if (sockets.every(({ state }) => state === 'missing')) return ok('No daemon runs here.', 'lantern serve');
      return warning(`No daemon can be reached at "${socket}": ${health.problem}.`, 'lantern serve');
    }
  }
};

const checkStore: Check = ({ health, storeHealth }) => {
  if (health.status !== 'serving') return undefined;
  if (storeHealth.status !== 'not-serving') return ok("The daemon's store takes what is stored.");
  return problem(
    'The daemon cannot store objects; volumes keep their contents.',
    "Read its log for why, and make room on the store's disk: it goes on by itself.",
  );
};

const checkLeftovers: Check = ({ pools, health, options }) => {
  if (options.publisher === 'direct' && pools === 0) return undefined;
  const many = pools === 1 ? '1 pool' : `${pools} pools`;
  if (health.status === 'serving' || health.status === 'not-serving') return ok(`The daemon has ${many} mounted.`);
  if (pools === 0) return ok('No pools are left of an earlier daemon.');
  return warning(
    `A daemon that does not run left ${many}, with what was mounted.`,
    'lantern serve takes them over; with --unmount-on-exit it takes them away when it ends.',
  );
};

const checkDataDirectory: Check = ({ dataDirectory: fact, uid, options }) => {
  if (options.store !== 'embedded') return undefined;
  return privateFault(fact, 'directory', uid, 0o700) ?? ok(said(fact));
};

const checkKeyFiles: Check = ({ keyFiles, hasDatabase, uid, options }) => {
  if (options.store !== 'embedded') return undefined;
  for (const fact of keyFiles) {
    const bad = privateFault(fact, 'file', uid, 0o600);
    if (bad !== undefined) return bad;
    if (fact.state === 'missing' && hasDatabase) {
      return problem(
        `"${fact.path}" is not there, and what is stored in "${options.dataDirectory}" cannot be read without it.`,
        'Put it back, or name where it is with --key-file.',
      );
    }
  }
  return ok(keyFiles.map(said).join(' '));
};

function privateFault(fact: PathFact, type: 'directory' | 'file', uid: number, mode: number): Finding | undefined {
  if (fact.state === 'missing') return undefined;
  if (fact.state === 'hidden') return hidden(fact);
  const bad = notOwn(fact, type, uid);
  if (bad !== undefined) return bad;
  if ((fact.mode & GROUP_OR_OTHERS) === 0) return undefined;
  return problem(
    `"${fact.path}" has mode ${modeText(fact.mode)}, which lets others in: the daemon refuses it.`,
    `chmod ${modeText(mode)} "${fact.path}"`,
  );
}

function said(fact: PathFact): string {
  return fact.state === 'there'
    ? `"${fact.path}" has mode ${modeText(fact.mode)}.`
    : `"${fact.path}" is not there yet; the daemon makes it.`;
}

const checkKubelet: Check = ({ kubernetes }) => {
  if (kubernetes === undefined) return undefined;
  const { pods, registry } = kubernetes;
  for (const fact of [pods, registry]) {
    if (fact.state === 'hidden') return hidden(fact);
    if (fact.state === 'missing' || fact.type !== 'directory') {
      return problem(
        `"${fact.path}" is no directory here: the kubelet's root is elsewhere, or not mounted into this container.`,
        "Mount the kubelet's root at the same path, and name it with --target-root where it is not /var/lib/kubelet.",
      );
    }
  }
  return ok(`The kubelet's "${pods.path}" and "${registry.path}" are there.`);
};

const checkRegistration: Check = ({ kubernetes, options }) => {
  if (kubernetes === undefined) return undefined;
  const { registration } = kubernetes;
  if (registration.state === 'hidden') return hidden(registration);
  if (registration.state === 'there') return ok(`"${options.driverName}" is registered by "${registration.path}".`);
  return warning(
    `There is no "${registration.path}": the kubelet does not know "${options.driverName}".`,
    'Run node-driver-registrar beside the daemon, with the same driver name.',
  );
};

/** Every check by name, in the order they are shown: the machine, then what is on it. */
const CHECKS: Readonly<Record<string, Check>> = {
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

/** What the facts come to; checks whose question does not arise are left out. */
export function examine(facts: DoctorFacts): readonly NamedFinding[] {
  return Object.entries(CHECKS).flatMap(([name, check]) => {
    const finding = check(facts);
    return finding === undefined ? [] : [{ name, ...finding }];
  });
}

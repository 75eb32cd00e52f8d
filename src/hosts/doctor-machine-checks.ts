import { defaultPoolTotal } from '../base/available-memory.ts';
import { type Check, ok, problem, unknown, warning } from './doctor-check.ts';
import type { DoctorFacts } from './doctor-facts.ts';

/** Linux 5.12 brought the last of the calls. */
const BIND_KERNEL = 'Linux 5.12';
/** No right clock shows a moment before this project was, or one that nobody of today will see. */
const EARLIEST = Date.UTC(2025, 0, 1);
const LATEST = Date.UTC(2100, 0, 1);
/** Above this part of the memory, pools that fill up leave too little for everything else. */
const LARGEST_PART = 0.8;

export const checkNode: Check = ({ nodeVersion }) => {
  const [major = 0, minor = 0] = nodeVersion.replace(/^v/, '').split('.').map(Number);
  const isNewEnough = major > 20 || (major === 20 && minor >= 19);
  if (isNewEnough) return ok(`Node.js ${nodeVersion} runs this.`);
  return problem(`Node.js ${nodeVersion} is too old.`, 'Install Node.js 20.19 or newer.');
};

export const checkUser: Check = ({ uid, canChangeOwners }) => {
  const who = uid === 0 ? 'root' : `user ${uid}`;
  if (canChangeOwners) return ok(`Runs as ${who}, and may give files to other users and groups.`);
  return warning(
    `Runs as ${who}, and may not give files to other users and groups: owners and mount groups are refused.`,
    'Where they are needed, run the daemon as root or with CAP_CHOWN and CAP_FOWNER.',
  );
};

export const checkKernel: Check = ({ kernelRelease, missingCalls }) => {
  if (missingCalls.length === 0) return ok(`Linux ${kernelRelease} has the mount calls.`);
  return warning(
    `Linux ${kernelRelease}, or a seccomp filter, lacks ${missingCalls.join(', ')}.`,
    `Only the direct publisher works here; for bind mounts take ${BIND_KERNEL} or newer, and a filter that lets them through.`,
  );
};

export const checkBind: Check = ({ bind, options, securityModule }) => {
  if (options.publisher === 'direct') return undefined;
  const advice = `Run as root with CAP_SYS_ADMIN on ${BIND_KERNEL} or newer${
    securityModule.kind === 'apparmor' ? ', and with apparmor:unconfined in a container' : ''
  }; or use --publisher direct.`;
  if (bind === undefined) return unknown('Whether mounting works could not be tried.', advice);
  if (bind.works) return ok('A tmpfs and a read-only bind were mounted, and taken away, in a scratch mount namespace.');
  const judge = options.publisher === 'bind' ? problem : warning;
  return judge(`The bind publisher does not work: ${bind.obstacle}.`, advice);
};

export const checkDirect: Check = (facts) => {
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

export const checkSwap: Check = (facts) => {
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

export const checkMemory: Check = (facts) => {
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

export const checkSecurityModule: Check = ({ securityModule, bind }) => {
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

export const checkClock: Check = ({ now, monotonic: [first, second] }) => {
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

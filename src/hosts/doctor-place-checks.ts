import { type Check, type Finding, hidden, modeText, notOwn, ok, problem, unknown, warning } from './doctor-check.ts';
import type { PathFact } from './doctor-facts.ts';

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

export const checkPropagation: Check = ({ isInOwnMountNamespace, runDirectoryPropagation, bind, options }) => {
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

export const checkSockets: Check = ({ sockets, uid }) => {
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

export const checkDaemon: Check = ({ health, options, sockets }) => {
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

export const checkStore: Check = ({ health, storeHealth }) => {
  if (health.status !== 'serving') return undefined;
  if (storeHealth.status !== 'not-serving') return ok("The daemon's store takes what is stored.");
  return problem(
    'The daemon cannot store objects; volumes keep their contents.',
    "Read its log for why, and make room on the store's disk: it goes on by itself.",
  );
};

export const checkLeftovers: Check = ({ pools, health, options }) => {
  if (options.publisher === 'direct' && pools === 0) return undefined;
  const many = pools === 1 ? '1 pool' : `${pools} pools`;
  if (health.status === 'serving' || health.status === 'not-serving') return ok(`The daemon has ${many} mounted.`);
  if (pools === 0) return ok('No pools are left of an earlier daemon.');
  return warning(
    `A daemon that does not run left ${many}, with what was mounted.`,
    'lantern serve takes them over; with --unmount-on-exit it takes them away when it ends.',
  );
};

export const checkDataDirectory: Check = ({ dataDirectory: fact, uid, options }) => {
  if (options.store !== 'embedded') return undefined;
  return privateFault(fact, 'directory', uid, 0o700) ?? ok(said(fact));
};

export const checkKeyFiles: Check = ({ keyFiles, hasDatabase, uid, options }) => {
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

export const checkKubelet: Check = ({ kubernetes }) => {
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

export const checkRegistration: Check = ({ kubernetes, options }) => {
  if (kubernetes === undefined) return undefined;
  const { registration } = kubernetes;
  if (registration.state === 'hidden') return hidden(registration);
  if (registration.state === 'there') return ok(`"${options.driverName}" is registered by "${registration.path}".`);
  return warning(
    `There is no "${registration.path}": the kubelet does not know "${options.driverName}".`,
    'Run node-driver-registrar beside the daemon, with the same driver name.',
  );
};

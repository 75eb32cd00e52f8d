import type { Check, NamedFinding } from './doctor-check.ts';
import type { DoctorFacts } from './doctor-facts.ts';
import * as machine from './doctor-machine-checks.ts';
import * as place from './doctor-place-checks.ts';

/** Every check by name, in the order they are shown: the machine, then what is on it. */
const CHECKS: Readonly<Record<string, Check>> = {
  node: machine.checkNode,
  user: machine.checkUser,
  kernel: machine.checkKernel,
  'bind publisher': machine.checkBind,
  'direct publisher': machine.checkDirect,
  swap: machine.checkSwap,
  memory: machine.checkMemory,
  'security module': machine.checkSecurityModule,
  clock: machine.checkClock,
  'run directory': place.checkRunDirectory,
  propagation: place.checkPropagation,
  sockets: place.checkSockets,
  daemon: place.checkDaemon,
  store: place.checkStore,
  pools: place.checkLeftovers,
  'data directory': place.checkDataDirectory,
  'key files': place.checkKeyFiles,
  kubelet: place.checkKubelet,
  registration: place.checkRegistration,
};

/** What the facts come to; checks whose question does not arise are left out. */
export function examine(facts: DoctorFacts): readonly NamedFinding[] {
  return Object.entries(CHECKS).flatMap(([name, check]) => {
    const finding = check(facts);
    return finding === undefined ? [] : [{ name, ...finding }];
  });
}

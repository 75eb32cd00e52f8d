import { readFileSync } from 'node:fs';
import { readBootId } from '../../base/host-resources.ts';

/** A process that can be told from later ones with the same pid: boot, pid and time of start. */
export type EngineProcess = string;

/** The process is in another pid namespace, so nobody here can tell whether it runs. */
const UNSEEN = 'unseen';
const ENDED = 'ended';

/** `pid` as the socket reports it. */
export function engineProcess(pid: number): EngineProcess {
  return pid === 0 ? UNSEEN : (identityOf(pid) ?? ENDED);
}

export function isRunning(engine: EngineProcess): boolean {
  return engine === UNSEEN || identityOf(Number(engine.split(' ')[1])) === engine;
}

/** True if the machine has started anew since: then no container of that time is left. */
export function isOfEarlierBoot(engine: EngineProcess): boolean {
  const [boot, ...rest] = engine.split(' ');
  return rest.length > 0 && boot !== readBootId();
}

/** Undefined for a process that has ended, also if its parent has not noticed yet. */
function identityOf(pid: number): string | undefined {
  if (!Number.isSafeInteger(pid)) return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The fields after the name, which may contain anything: state is the third of proc(5), the start the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state = '', started] = [fields[0], fields[19]];
    return 'ZX'.includes(state) ? undefined : `${readBootId()} ${pid} ${started}`;
  } catch {
    return undefined;
  }
}

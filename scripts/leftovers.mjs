// Finds and removes what a test run can leave behind: processes, mounts, temporary directories.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PR_SET_CHILD_SUBREAPER = 36;
const INTERVAL_MS = 20;
/** A killed process has ended after this time, unless it waits for a disk that does not answer. */
const KILLED_MS = 10_000;

/** @typedef {{ readonly pid: number, readonly command: string }} RunningProcess */

/**
 * From now on a process whose parent ended is a child of this one, not of init, so that nobody's descendants escape by
 * outliving who started them or by a session of their own.
 */
export async function adoptOrphans() {
  // Imported here, because koffi is not installed before the bootstrap.
  const { default: koffi } = await import('koffi');
  const prctl = koffi.load(null).func('prctl', 'int', ['int', 'ulong', 'ulong', 'ulong', 'ulong']);
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) !== 0) throw new Error('prctl: this process cannot adopt orphans');
}

/**
 * The processes below `pid` that have not ended, parents first.
 *
 * @param {number} pid
 * @returns {readonly RunningProcess[]}
 */
export function descendantsOf(pid) {
  const processes = readProcesses();
  /** @type {Map<number, number[]>} */
  const children = new Map();
  for (const [child, { parent }] of processes) children.set(parent, [...(children.get(parent) ?? []), child]);
  /** @type {(parent: number) => number[]} */
  const below = (parent) => (children.get(parent) ?? []).flatMap((child) => [child, ...below(child)]);
  const running = below(pid).filter((child) => processes.get(child)?.hasEnded === false);
  return running.map((child) => ({ pid: child, command: commandOf(child) }));
}

/**
 * All processes. A process whose parent ends meanwhile would seem to be nobody's descendant, so they are read again until
 * each parent is among them, or those that are not stay the same: other users' processes may be hidden. A zombie is among
 * them: one whose threads still run has children.
 */
function readProcesses() {
  for (let before = ''; ; ) {
    /** @type {Map<number, { readonly parent: number, readonly hasEnded: boolean }>} */
    const processes = new Map();
    for (const name of readdirSync('/proc')) {
      const found = readProcess(name);
      if (found !== undefined) processes.set(Number(name), found);
    }
    const parents = [...processes.values()].map(({ parent }) => parent);
    const unknown = parents.filter((parent) => parent !== 0 && !processes.has(parent)).join();
    if (unknown === before) return processes;
    before = unknown;
  }
}

/**
 * True if the process has not ended. A zombie has ended.
 *
 * @param {number} pid
 */
export function isRunning(pid) {
  return readProcess(String(pid))?.hasEnded === false;
}

/**
 * Ends everything below this process: in order within `graceMs`, by SIGKILL after that.
 *
 * @param {number} graceMs
 */
export async function endDescendants(graceMs) {
  for (const { pid } of descendantsOf(process.pid)) send(pid, 'SIGTERM');
  await untilGone(graceMs, () => {});
  await untilGone(KILLED_MS, (pid) => send(pid, 'SIGKILL'));
}

/**
 * @param {number} longestMs
 * @param {(pid: number) => void} each
 */
async function untilGone(longestMs, each) {
  for (const deadline = Date.now() + longestMs; Date.now() < deadline; await sleep(INTERVAL_MS)) {
    const left = descendantsOf(process.pid);
    if (left.length === 0) return;
    for (const { pid } of left) each(pid);
  }
}

/**
 * A process that has ended already is not an error.
 *
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 */
export function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone meanwhile.
  }
}

/**
 * The lines of the mount table that mention the prefix.
 *
 * @param {string} prefix
 */
export function mountsOf(prefix) {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n');
  return lines.filter((line) => line.includes(prefix));
}

/**
 * The temporary directories whose names start with the prefix.
 *
 * @param {string} prefix
 */
export function tempDirsOf(prefix) {
  return [...new Set([tmpdir(), '/dev/shm'])].flatMap((parent) =>
    readdirSync(parent)
      .filter((name) => name.startsWith(prefix))
      .map((name) => join(parent, name)),
  );
}

/**
 * Unmounts and removes what a run made. `prefix` is what its temporary directories start with.
 *
 * @param {string} prefix
 */
export function removeTraces(prefix) {
  // The youngest first: they may lie on the others.
  for (const line of mountsOf(prefix).reverse())
    spawnSync('umount', ['--lazy', mountPointOf(line)], { stdio: 'ignore' });
  const mounted = mountsOf(prefix).map(mountPointOf);
  for (const directory of tempDirsOf(prefix)) {
    // A remaining mount may be the host's own: nothing is removed through it.
    if (!mounted.some((point) => point.startsWith(directory))) rmSync(directory, { recursive: true, force: true });
  }
}

/** @param {string} line */
function mountPointOf(line) {
  const point = line.split(' ')[4] ?? '';
  return point.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** @param {string} pid */
function readProcess(pid) {
  if (!/^\d+$/.test(pid)) return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name in parentheses: state, parent.
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(parent), hasEnded: state === 'Z' || state === 'X' };
  } catch {
    // Gone meanwhile.
    return undefined;
  }
}

/** @param {number} pid */
function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

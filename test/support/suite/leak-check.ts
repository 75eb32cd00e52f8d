import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeTraces, send, tempDirsOf } from '../../../scripts/leftovers.mjs';
import { TEST_RUN, tempDirPrefix } from '../../../scripts/test-run.mjs';

/** A killed process needs a moment to be gone. */
const PATIENCE_MS = 15_000;
const INTERVAL_MS = 50;

/**
 * vitest's global setup: marks the run, and fails it when it leaves a mount, a process or a temporary directory behind,
 * which it then takes away.
 */
export default function checkForLeaks(): () => Promise<void> {
  process.env[TEST_RUN] ??= randomBytes(3).toString('hex');
  const before = mountLines();
  return async () => {
    const deadline = Date.now() + PATIENCE_MS;
    let leaks = findLeaks(before);
    while (leaks.length > 0 && Date.now() < deadline) {
      await sleep(INTERVAL_MS);
      leaks = findLeaks(before);
    }
    if (leaks.length === 0) return;
    for (const { pid } of runningProcesses()) send(pid, 'SIGKILL');
    removeTraces(tempDirPrefix(process.env));
    console.error(`The tests left something behind:\n${leaks.map((leak) => `  ${leak}`).join('\n')}`);
    // vitest logs what a teardown throws, and exits 0.
    process.exitCode = 1;
  };
}

/**
 * Traces of this run (see TEST_RUN) on the machine, a line each. `mountsBefore`: the mount table's lines before it
 * began.
 */
export function findLeaks(mountsBefore: ReadonlySet<string>): readonly string[] {
  const prefix = tempDirPrefix(process.env);
  return [
    ...newMounts(mountsBefore, prefix).map((line) => `mount: ${line}`),
    ...runningProcesses().map(({ pid, command }) => `process ${pid}: ${command}`),
    ...tempDirsOf(prefix).map((path) => `directory: ${path}`),
  ];
}

export function mountLines(): ReadonlySet<string> {
  return new Set(readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n'));
}

function newMounts(before: ReadonlySet<string>, prefix: string): string[] {
  const ofSomebodyElse = /lantern-(?:test|demo|bench)-/;
  return [...mountLines()].filter(
    (line) => line.includes(prefix) || (line.includes('lantern') && !before.has(line) && !ofSomebodyElse.test(line)),
  );
}

type RunningProcess = { readonly pid: number; readonly command: string };

/**
 * The processes that carry this run's name, but for vitest and its workers. Those that hide their environment stay
 * unseen.
 */
function runningProcesses(): RunningProcess[] {
  const mark = `${TEST_RUN}=${process.env[TEST_RUN]}\0`;
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark) || isWorker(pid)) return [];
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return [{ pid, command }];
      } catch {
        // Gone meanwhile, or somebody else's.
        return [];
      }
    });
}

function isWorker(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // After the name in parentheses: state, parent.
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || Number(parent) === process.pid;
}

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dirSync } from 'tmp';
import { withoutSettings } from '../own-environment.mjs';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const READY_MS = 20_000;
const STOP_MS = 20_000;

/**
 * A daemon with an empty store, and a directory in memory that holds everything of the run.
 *
 * @typedef {{ directory: string, lanternSocket: string, csiSocket: string }} FreshDaemon
 */

/**
 * Starts the compiled daemon, hands it to `use`, and takes it and all it left away again. Throws when the daemon does
 * not start, does not end by itself, or leaves a mount.
 *
 * @template T
 * @param {'bind' | 'direct'} publisher
 * @param {(daemon: FreshDaemon) => Promise<T>} use
 */
export async function withFreshDaemon(publisher, use) {
  const template = 'lantern-conformance-XXXXXX';
  const { name: directory, removeCallback } = dirSync({ tmpdir: '/dev/shm', template, unsafeCleanup: true });
  try {
    const run = join(directory, 'run');
    mkdirSync(run, { mode: 0o700 });
    const stop = await start(['--publisher', publisher, '--run-dir', run, '--store', 'memory', '--unmount-on-exit']);
    let result;
    try {
      result = await use({
        directory,
        lanternSocket: join(run, 'lantern.sock'),
        csiSocket: join(run, 'csi', 'csi.sock'),
      });
    } finally {
      await stop();
    }
    const left = mountsBelow(directory);
    if (left.length > 0) throw new Error(`the daemon left mounts behind: ${left.join(', ')}`);
    return result;
  } finally {
    for (const mount of mountsBelow(directory).reverse()) spawnSync('umount', ['--lazy', mount]);
    removeCallback();
  }
}

/**
 * Resolves when calls are answered, with a function that ends the daemon.
 *
 * @param {string[]} args
 */
async function start(args) {
  // Its warnings belong to the reader of this run; nothing waits for a pipe that nobody reads.
  const daemon = spawn(process.execPath, [MAIN, 'serve', ...args], {
    env: withoutSettings(process.env),
    stdio: ['ignore', 'pipe', 'inherit'],
    // Ctrl-C ends the run, and the run ends the daemon.
    detached: true,
  });
  const ended = once(daemon, 'exit');
  const ready = once(daemon.stdout, 'data', { signal: AbortSignal.timeout(READY_MS) });
  const stop = async () => {
    daemon.kill('SIGTERM');
    const timer = setTimeout(() => daemon.kill('SIGKILL'), STOP_MS);
    const [code, signal] =
      daemon.exitCode === null && daemon.signalCode === null ? await ended : [daemon.exitCode, daemon.signalCode];
    clearTimeout(timer);
    if (code !== 0) throw new Error(`the daemon ended with ${signal ?? `code ${code}`} instead of 0`);
  };
  try {
    await Promise.race([ready, ended.then(() => Promise.reject(new Error('the daemon ended, see above')))]);
    return stop;
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
}

/**
 * In the order they were mounted.
 *
 * @param {string} directory
 */
function mountsBelow(directory) {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
    .filter((point) => point.startsWith(`${directory}/`));
}

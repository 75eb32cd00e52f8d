import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/**
 * Preloaded into a daemon: how long one turn of its event loop has kept the processor. Only the main thread's own
 * processor time counts, so that a busy machine, the garbage collector's threads and waiting do not. The file that
 * LANTERN_LOOP_FILE names always holds the longest in milliseconds, and between which times of day it was, since
 * somebody made that file: starting takes longer, and nobody waits for it yet.
 */
const file = process.env.LANTERN_LOOP_FILE;
/** Of the wall, between two looks: a turn is measured too long by as much at most. */
const INTERVAL_MS = 10;
const THREAD = `/proc/self/task/${process.pid}/schedstat`;

if (file !== undefined && process.argv.includes('serve')) {
  let longest = 0;
  let before = processorMs();
  let looked = Date.now();
  setInterval(() => {
    const now = processorMs();
    const used = now - before;
    before = now;
    const from = looked;
    looked = Date.now();
    if (used <= longest || !existsSync(file)) return;
    longest = used;
    writeFileSync(file, `${used.toFixed(0)} ${from} ${looked}`);
  }, INTERVAL_MS).unref();
}

/** The processor time of the main thread. */
function processorMs(): number {
  return Number.parseInt(readFileSync(THREAD, 'utf8'), 10) / 1e6;
}

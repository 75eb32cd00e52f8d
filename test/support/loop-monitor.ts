import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Preloaded into a daemon: how long one turn of its event loop has kept the processor. Only the main thread's own processor
 * time counts, so that a busy machine, the garbage collector's threads and waiting do not. The file that
 * LANTERN_LOOP_FILE names always holds the longest so far, in milliseconds.
 */
const file = process.env.LANTERN_LOOP_FILE;
const INTERVAL_MS = 10;
/** Starting takes longer, and nobody waits for it yet. */
const STARTING_MS = 3_000;
const THREAD = `/proc/self/task/${process.pid}/schedstat`;

if (file !== undefined && process.argv.includes('serve')) {
  let longest = 0;
  let before = processorMs();
  const begun = performance.now();
  setInterval(() => {
    const now = processorMs();
    const used = now - before;
    before = now;
    if (performance.now() - begun < STARTING_MS || used <= longest) return;
    longest = used;
    writeFileSync(file, used.toFixed(0));
  }, INTERVAL_MS).unref();
}

/** What the main thread has had of a processor. */
function processorMs(): number {
  return Number.parseInt(readFileSync(THREAD, 'utf8'), 10) / 1e6;
}

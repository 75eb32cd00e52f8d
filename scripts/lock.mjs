import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const RETRY_MS = 100;
const PATIENCE_MS = 10 * 60_000;

/**
 * Runs `work` while no other process on this machine does so for the same checkout. The lock is a name in Linux'
 * abstract socket namespace: the kernel frees it when its holder ends in any way, so that no stale lock and no file can
 * remain.
 *
 * @template T
 * @param {string} top the checkout
 * @param {() => Promise<T> | T} work
 * @returns {Promise<T>}
 */
export async function withLock(top, work) {
  const name = createHash('sha256').update(realpathSync(top)).digest('hex').slice(0, 32);
  const server = await acquire(`\0lantern-bootstrap-${name}`);
  try {
    return await work();
  } finally {
    server.close();
  }
}

/** @param {string} path */
async function acquire(path) {
  const deadline = Date.now() + PATIENCE_MS;
  for (let isFirst = true; Date.now() < deadline; isFirst = false) {
    const server = createServer();
    server.listen(path);
    try {
      await once(server, 'listening');
      return server;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EADDRINUSE') throw error;
    }
    if (isFirst) console.error('lantern: another process prepares this checkout, waiting for it');
    await sleep(RETRY_MS);
  }
  throw new Error(`another process has been preparing this checkout for ${PATIENCE_MS / 60_000} minutes: end it`);
}

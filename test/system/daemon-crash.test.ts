import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { connect, type LanternClient } from '../../src/rpc/client.ts';
import { mayMount } from '../support/host/privileges.ts';
import { mountsBelow } from '../support/projection/daemon-harness.ts';
import { endOf, firstLine } from '../support/suite/command-line.ts';
import { compiled } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const KILLS = 5;
const WHOLE = { source: { secret: { secretName: 'db' } } };
/** Many files, so that a write takes a while and a kill finds it half done. */
const KEYS = Array.from({ length: 40 }, (_, index) => `key-${index}`);

/** The real daemon in a process of its own, killed and started over in the same run directory. */
class KillableDaemon implements AsyncDisposable {
  readonly #program = compiled('src/main.ts');
  readonly directory = new TempDir('/dev/shm');
  #process: ChildProcess | undefined;
  client: LanternClient | undefined;

  async start(): Promise<LanternClient> {
    const flags = [
      'serve',
      '--run-dir',
      this.directory.at('run'),
      '--data-dir',
      this.directory.at('data'),
      '--publisher',
      'bind',
      '--log-level',
      'error',
    ];
    const daemon = spawn(process.execPath, [this.#program, ...flags]);
    this.#process = daemon;
    await firstLine(daemon);
    this.client = connect(this.directory.at('run/lantern.sock'));
    return this.client;
  }

  async kill(): Promise<void> {
    const daemon = this.#process;
    if (daemon === undefined) return;
    const exited = once(daemon, 'exit');
    daemon.kill('SIGKILL');
    await exited;
    this.client?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = await this.#alive();
    for (const { volumeId } of (await client.projector.listVolumes({})).volumes) {
      await client.projector.unmount({ volumeId });
    }
    client.close();
    if (this.#process !== undefined) await endOf(this.#process, 'SIGTERM');
    expect(mountsBelow(this.directory.path)).toEqual([]);
    this.directory[Symbol.dispose]();
  }

  async #alive(): Promise<LanternClient> {
    const isAlive = this.#process !== undefined && this.#process.signalCode === null && this.#process.exitCode === null;
    return isAlive && this.client !== undefined ? this.client : await this.start();
  }
}

/** Every file's text through one resolved `..data`. */
function snapshot(target: string): Set<string> {
  const generation = join(target, readlinkSync(join(target, '..data')));
  return new Set(KEYS.map((key) => readFileSync(join(generation, key), 'utf8')));
}

async function apply(client: LanternClient, text: string): Promise<void> {
  const data = Object.fromEntries(KEYS.map((key) => [key, Buffer.from(text)]));
  await client.objects.apply({ object: { metadata: { name: 'db' }, secret: { data } } });
}

describe.runIf(mayMount)('invariants 3, 4 and 5: a daemon that is killed under load (needs root)', () => {
  it('leaves whole sets, goes on in the same file systems, and collects no mounts', async () => {
    await using daemon = new KillableDaemon();
    const targets = daemon.directory.at('targets');
    mkdirSync(targets);
    const [whole, pinned] = [join(targets, 'whole'), join(targets, 'pinned')];
    let client = await daemon.start();
    await apply(client, 'first');
    await client.projector.mount({ volumeId: 'v', definition: WHOLE, targetPath: whole });
    await client.projector.mount({ volumeId: 'v', definition: WHOLE, targetPath: pinned, subPath: 'key-0' });
    const before = { inode: statSync(whole).ino, mounts: mountsBelow(daemon.directory.path).length };

    for (let round = 0; round < KILLS; round++) {
      const storm = (async () => {
        for (let turn = 0; turn < 10_000; turn++) await apply(client, `${round}-${turn}`);
      })().catch(() => 'the daemon was killed');
      // Somewhere in the middle of the storm: when the volume has shown a few of its updates.
      for (let seen = 0, last = ''; seen < 3 + round; ) {
        const [text = ''] = snapshot(whole);
        if (text !== last) seen += 1;
        last = text;
        await new Promise((resolve) => setImmediate(resolve));
      }
      await daemon.kill();
      await storm;
      expect(snapshot(whole).size).toBe(1);
      client = await daemon.start();
      await apply(client, `after ${round}`);
      await client.projector.mount({ volumeId: 'v', definition: WHOLE, targetPath: whole });
      expect(snapshot(whole)).toEqual(new Set([`after ${round}`]));
      expect(readFileSync(pinned, 'utf8')).toBe('first');
      expect({ inode: statSync(whole).ino, mounts: mountsBelow(daemon.directory.path).length }).toEqual(before);
    }
    // What the crashes left is swept by the next write, and what was replaced goes after its time: the current
    // generation and the pinned one stay.
    await vi.waitFor(() => expect(readdirSync(whole).filter((name) => /^\.\.\d/.test(name))).toHaveLength(2), {
      timeout: 20_000,
      interval: 100,
    });
    expect(readdirSync(whole)).not.toContain('..data_tmp');
  });
});

import { existsSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { execInPod } from '../../../../src/cli/exec/exec-in-pod.ts';
import type { LanternClient } from '../../../../src/rpc/client.ts';
import { rejectionOf } from '../../../support/suite/expectations.ts';
import { RecordedTerminal } from '../../../support/suite/recorded-terminal.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const POD = { namespace: 'default', name: 'web', manifest: '{}', containers: ['app'] };

/** A daemon that answers so to MountPod, and counts calls of UnmountPod. */
class FakeDaemon {
  unmounts = 0;
  readonly #onMounted: () => void;

  constructor(onMounted: () => void) {
    this.#onMounted = onMounted;
  }

  get client(): LanternClient {
    const mount = { volumeName: 'db', mountPath: '/no-such-lantern-root/db', targetPath: '/no/such', subPath: '' };
    const container = { name: 'app', image: '', init: false, environment: [], credentials: [], mounts: [mount] };
    const projector = {
      mountPod: async () => {
        this.#onMounted();
        return { pod: null, containers: [container], notices: [] };
      },
      unmountPod: async () => {
        this.unmounts++;
        return {};
      },
    };
    return { projector } as unknown as LanternClient;
  }
}

test('a signal between the mount and the start of the command: it is not started, and nothing is left', async () => {
  using scratch = new TempDir('/dev/shm');
  // After the answer has been read, and before the command starts.
  const daemon = new FakeDaemon(() => setImmediate(() => process.emit('SIGHUP', 'SIGHUP')));
  const terminal = new RecordedTerminal();
  const cli = {
    terminal,
    environment: { XDG_RUNTIME_DIR: scratch.path },
    user: { uid: 0 },
    clock: systemClock,
    signal: new AbortController().signal,
  };
  const marker = scratch.at('started');
  const execution = { pod: POD, container: 'app', words: ['touch', marker], waitMs: 0, cleanEnv: false };
  expect(await rejectionOf(execInPod(cli, daemon.client, execution))).toMatchObject({ code: 'cancelled' });
  expect([existsSync(marker), daemon.unmounts, readdirSync(scratch.path)]).toEqual([false, 1, []]);
});

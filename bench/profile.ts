import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Stage } from '../demo/stage.ts';
import { connect, type LanternClient } from '../src/rpc/client.ts';
import { EMPTY_CALL } from './caller.ts';
import { Callers, type CallersTask } from './callers.ts';
import { publishCall, putSecret, unpublishCall } from './secret.ts';
import { printSelfTimes } from './self-times.ts';
import { change } from './volumes.ts';

/** Not bundled, so that each function has its file. */
const PROGRAM = join(import.meta.dirname, '../src/main.js');
const PROFILES = join(import.meta.dirname, '../../profiles');
const VOLUMES = 1_000;
const POOL = ['--pool-size', '256Mi', '--pool-total', '256Mi'];

type Scene = { readonly stage: Stage; readonly client: LanternClient; readonly callers: Callers };

/** What is done while the profile counts. */
const WORK: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  empty: (scene) => serial(scene, [EMPTY_CALL]),
  publish: (scene) => serial(scene, [publish(scene, 0), unpublish(scene, 0)]),
  repeat: (scene) => serial(scene, [publish(scene, 0)]),
  async parallel({ stage, callers }) {
    const sequences = Array.from({ length: 32 }, (_, index) => [
      publish({ stage }, index),
      unpublish({ stage }, index),
    ]);
    const actions = { lantern: { socket: stage.csiSocket, pid: stage.pid, sequences } };
    await callers.ask({ do: 'parallel', rounds: 5, milliseconds: 1000, actions });
  },
  async change({ stage, client }) {
    const targets = Array.from({ length: VOLUMES }, (_, index) => stage.at(`target-${index}`));
    for (let round = 0; round < 5; round++) await change(client, targets, `round ${round}`);
  },
};

/** What needs mounted volumes before. */
const OF_VOLUMES = ['change', 'start'];

export const PROFILES_OF = [...Object.keys(WORK), 'start'];

/** Profiles a daemon at some work, keeps the profile for other tools, and prints its self times. */
export async function profile(name: string): Promise<void> {
  const flags = ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', PROFILES];
  await using stage = new Stage({ nodeFlags: flags, program: PROGRAM });
  await using callers = new Callers();
  await stage.startDaemon(...POOL);
  let from: bigint;
  {
    using client = connect(stage.socket);
    await putSecret(client, 'first');
    if (OF_VOLUMES.includes(name)) await mountAll(stage, callers);
    from = process.hrtime.bigint();
    if (name === 'start') {
      // Writes no profile.
      await stage.stopDaemon('SIGKILL');
      from = process.hrtime.bigint();
      await stage.startDaemon(...POOL);
    } else {
      await WORK[name]?.({ stage, client, callers });
    }
  }
  const to = process.hrtime.bigint();
  const { pid } = stage;
  await stage.stopDaemon('SIGTERM');
  const kept = join(PROFILES, `${name}.cpuprofile`);
  for (const file of readdirSync(PROFILES).filter((file) => file.startsWith('CPU.'))) {
    // The others are those of its threads.
    if (file.includes(`.${pid}.0.`)) renameSync(join(PROFILES, file), kept);
    else rmSync(join(PROFILES, file));
  }
  printSelfTimes(kept, Number(from / 1000n), Number(to / 1000n));
  console.log(`The profile is ${kept}`);
}

async function serial({ stage, callers }: Scene, sequence: readonly (typeof EMPTY_CALL)[]): Promise<void> {
  const task: CallersTask = {
    do: 'serial',
    rounds: 20,
    perRound: 60,
    actions: { lantern: { socket: stage.csiSocket, pid: stage.pid, sequences: [sequence] } },
  };
  await callers.ask(task);
}

async function mountAll(stage: Stage, callers: Callers): Promise<void> {
  const calls = Array.from({ length: VOLUMES }, (_, index) => publish({ stage }, index));
  await callers.ask({ do: 'once', socket: stage.csiSocket, callers: 16, calls });
}

function publish({ stage }: Pick<Scene, 'stage'>, index: number) {
  return publishCall(`volume-${index}`, stage.at(`target-${index}`));
}

function unpublish({ stage }: Pick<Scene, 'stage'>, index: number) {
  return unpublishCall(`volume-${index}`, stage.at(`target-${index}`));
}

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { LANTERN, Stage } from '../demo/stage.ts';
import { connect } from '../src/rpc/client.ts';
import { type Figure, figure, isQuick, median, processorSeconds, seconds } from './measure.ts';
import { putSecret } from './secret.ts';

const ROUNDS = isQuick ? 3 : 15;
const TICKS_PER_SECOND = 100;

/** Starts of processes, in turns with a `node` that does nothing. */
export async function benchCommands(): Promise<Figure[]> {
  // Node would read these certificates at every start: time that hides ours, since it is the same on both sides.
  await using stage = new Stage({ environment: { ...process.env, NODE_EXTRA_CA_CERTS: undefined } });
  const spent = () => new Spent(stage.environment);
  const start = spent();
  const [node, version, get] = [spent(), spent(), spent()];
  for (let round = -1; round < ROUNDS; round++) {
    const isWarm = round >= 0;
    const before = performance.now();
    await stage.startDaemon();
    if (isWarm) start.add((performance.now() - before) / 1000, processorSeconds(stage.pid));
    if (!isWarm) {
      using client = connect(stage.socket);
      await putSecret(client, 'first');
    }
    await node.run(isWarm, '-e', '0');
    await version.run(isWarm, LANTERN, '--version');
    await get.run(isWarm, LANTERN, '--socket', stage.socket, 'get', 'secrets');
    await stage.stopDaemon('SIGTERM');
  }
  return [
    start.over(node, '11  the daemon from exec to ready / node -e 0', 5),
    get.over(node, '10  lantern get secrets / node -e 0', 2.2),
    version.over(node, '10  lantern --version / node -e 0', 1.3),
  ];
}

/** Wall and processor time of a command, in seconds, for each run. */
class Spent {
  readonly #wall: number[] = [];
  readonly #processor: number[] = [];
  readonly #environment: NodeJS.ProcessEnv;

  constructor(environment: NodeJS.ProcessEnv) {
    this.#environment = environment;
  }

  add(wall: number, processor: number): void {
    this.#wall.push(wall);
    this.#processor.push(processor);
  }

  async run(isWarm: boolean, ...args: readonly string[]): Promise<void> {
    const before = childrenSeconds();
    const wall = await seconds(() => {
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env: this.#environment });
      if (status !== 0) throw new Error(`node ${args.join(' ')} failed: ${stderr}`);
    });
    if (isWarm) this.add(wall, childrenSeconds() - before);
  }

  over(unit: Spent, what: string, most: number): Figure {
    const [wall, other] = [median(this.#wall), median(unit.#wall)];
    const processor = (mean(this.#processor) / mean(unit.#processor)).toFixed(2);
    const times = `${(wall * 1000).toFixed(0)} / ${(other * 1000).toFixed(0)} ms`;
    return figure(what, wall / other, '', most, ` (${times}; processor ${processor})`);
  }
}

/** Of ticks the mean says more than the median. */
function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Processor time of the children that have been waited for. */
function childrenSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(13, 15)
    .map(Number);
  return (user + system) / TICKS_PER_SECOND;
}

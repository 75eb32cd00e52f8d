// Ratios within one run, since machines are noisy. A figure that misses its aim is marked, not failed: CI runs this to
// see that it still works, people run it to see by how much something changed. Names of sections choose some of them.
//
// Instead of that, `--volumes N[,M]` runs daemons with so many volumes, `--profile NAME` shows where a daemon spends
// its time, and `--scale [N,N]` simulates nodes on a real etcd: docs/scale.md.
import { benchCalls } from './calls.ts';
import { benchCommands } from './commands.ts';
import { benchDelay } from './etcd-delay.ts';
import { scale } from './etcd-scale.ts';
import { type Figure, printFigures } from './measure.ts';
import { benchObjects } from './objects.ts';
import { PROFILES_OF, profile } from './profile.ts';
import { printSelfTimes } from './self-times.ts';
import { benchStore } from './store.ts';
import { benchSomeVolumes, benchVolumes } from './volumes.ts';
import { benchWatchers } from './watchers.ts';
import { benchWriter } from './writer.ts';

const SECTIONS: Readonly<Record<string, () => Promise<Figure[]>>> = {
  calls: benchCalls,
  writer: benchWriter,
  commands: benchCommands,
  objects: benchObjects,
  volumes: benchSomeVolumes,
  watchers: benchWatchers,
  store: benchStore,
  delay: benchDelay,
};

/** The numbers after a flag; undefined without it. */
function numbersOf(flag: string, otherwise: string): number[] | undefined {
  const at = process.argv.indexOf(flag);
  return at < 0 ? undefined : (process.argv[at + 1] ?? otherwise).split(',').map(Number);
}

const profileAt = process.argv.indexOf('--profile');
const profiled = process.argv[profileAt + 1] ?? '';
const volumes = numbersOf('--volumes', '10000');
const nodes = numbersOf('--scale', '50,200,500');
if (profileAt >= 0) {
  if (profiled.endsWith('.cpuprofile')) printSelfTimes(profiled);
  else if (PROFILES_OF.includes(profiled)) await profile(profiled);
  else throw new Error(`--profile needs one of ${PROFILES_OF.join(', ')}, or a .cpuprofile`);
} else if (volumes !== undefined) {
  // Alone, a number is compared with a tenth of it.
  const counts = volumes.length === 1 ? [Math.ceil((volumes[0] ?? 0) / 10), ...volumes] : volumes;
  const faults = await benchVolumes(counts);
  for (const fault of faults) console.error(`FAILED: ${fault}`);
  process.exitCode = faults.length > 0 ? 1 : 0;
} else if (nodes !== undefined) {
  await scale(nodes);
} else {
  const chosen = Object.keys(SECTIONS).filter((name) => process.argv.includes(name));
  for (const [name, bench] of Object.entries(SECTIONS)) {
    if (chosen.length === 0 || chosen.includes(name)) printFigures(name, await bench());
  }
}

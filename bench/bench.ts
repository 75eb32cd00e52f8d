// Ratios within one run, since machines are noisy. A figure that misses its aim is marked, not failed: CI runs this to
// see that it still works, people run it to see by how much something changed.
//
// `--scale [N,N]` simulates nodes on a real etcd instead: docs/scale.md.
import { benchDaemon } from './daemon.ts';
import { benchDelay } from './etcd-delay.ts';
import { scale } from './etcd-scale.ts';
import { printFigures } from './measure.ts';
import { benchStore } from './store.ts';
import { benchWriter } from './writer.ts';

const scaleAt = process.argv.indexOf('--scale');
if (scaleAt >= 0) {
  const counts = process.argv[scaleAt + 1] ?? '50,200,500';
  await scale(counts.split(',').map(Number));
} else {
  printFigures([...(await benchWriter()), ...(await benchDaemon()), ...(await benchStore()), ...(await benchDelay())]);
}

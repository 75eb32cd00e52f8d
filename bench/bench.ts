// Ratios within one run, since machines are noisy. A figure that misses its aim is marked, not failed: CI runs this to
// see that it still works, people run it to see by how much something changed.
import { benchDaemon } from './daemon.ts';
import { printFigures } from './measure.ts';
import { benchStore } from './store.ts';
import { benchWriter } from './writer.ts';

printFigures([...(await benchWriter()), ...(await benchDaemon()), ...(await benchStore())]);

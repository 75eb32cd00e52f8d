// `npm run test:hostile`: a daemon that gets every request with every kind of value, and one that is killed over and
// over.
//
//   npm run test:hostile -- --seed 7 --seconds 600
//
// Each of the two lasts so many seconds; everything random comes from the seed.
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, seconds: { type: 'string', default: '60' } },
});
process.env.LANTERN_HOSTILE_SEED = values.seed;
process.env.LANTERN_HOSTILE_SECONDS = values.seconds;
process.argv.splice(2, Number.POSITIVE_INFINITY, '--project', 'hostile');
await import('./test.mjs');

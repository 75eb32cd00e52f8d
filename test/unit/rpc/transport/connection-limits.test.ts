import { expect, test } from 'vitest';
import { RefusedConnections } from '../../../../src/rpc/transport/connection-limits.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';
import { LogLines } from '../../../support/suite/log-lines.ts';

test('a flood is counted to the last, and logged once a minute', () => {
  const [log, clock, counted] = [new LogLines(), new ManualClock(), [] as string[]];
  const observer = {
    opened: () => {},
    closed: () => {},
    refused: (listener: string, reason: string) => counted.push(`${listener} ${reason}`),
  };
  const refused = new RefusedConnections(log.log, clock, observer);
  const said = () => {
    const lines = log.lines.map((line) => /(?:refused|cut).*$/m.exec(line)?.[0]);
    log.clear();
    return lines;
  };
  for (let count = 0; count < 1_000; count += 1) refused.note('tcp', 'peer_rate', '192.0.2.1');
  refused.note('csi', 'peer_rate', 'uid 7');
  expect(said()).toEqual([
    expect.stringMatching(/tcp.*peer_rate.*192\.0\.2\.1/),
    expect.stringMatching(/csi.*"uid 7"/),
  ]);
  expect(counted).toHaveLength(1_001);
  clock.advance(60_000);
  expect(said()).toEqual([expect.stringMatching(/within the last minute.*tcp.*count=999/)]);
  refused.note('tcp', 'peer_rate', '192.0.2.1');
  expect(said()).toEqual([]);
  clock.advance(60_000);
  expect(said()).toEqual([expect.stringContaining('count=1')]);
  // Over for a minute: the next one is news again.
  clock.advance(60_000);
  expect(said()).toEqual([]);
  refused.note('tcp', 'peer_rate', '192.0.2.9');
  expect(said()).toEqual([expect.stringContaining('192.0.2.9')]);
});

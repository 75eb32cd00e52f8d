import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ServiceManager } from '../../../src/operations/service-manager.ts';
import { DatagramReceiver } from '../../support/host/datagram-receiver.ts';
import { ManualClock } from '../../support/suite/clocks.ts';
import { LogLines } from '../../support/suite/log-lines.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';

const PID = 42;
/** More than a receiver's queue takes, whatever the kernel's `max_dgram_qlen`. */
const MANY = 10_000;

function managerFor(environment: Record<string, string>) {
  const clock = new ManualClock();
  const { lines, log } = new LogLines();
  return { clock, lines, manager: new ServiceManager({ environment, pid: PID, clock, log }) };
}

const abstractName = () => `@lantern-test-${randomBytes(8).toString('hex')}`;

describe('the service manager is told', () => {
  test.each([
    ['at a path', (directory: TempDir) => directory.at('notify')],
    ['at an abstract name', abstractName],
  ])('what the daemon does, %s', (_, nameIn) => {
    using directory = new TempDir();
    using receiver = new DatagramReceiver(nameIn(directory));
    const { manager, clock, lines } = managerFor({ NOTIFY_SOCKET: receiver.name });
    manager.starting();
    manager.ready('ready: "/run\n/x"');
    clock.advance(60_000);
    manager.stopping();
    expect(receiver.receive()).toEqual([
      expect.stringMatching(/^STATUS=starting/),
      'READY=1\nSTATUS=ready: "/run /x"',
      expect.stringMatching(/^STOPPING=1\nSTATUS=/),
    ]);
    manager[Symbol.dispose]();
    expect(lines).toEqual([]);
  });

  test('that the event loop lives, twice in the time of the watchdog, until the end', () => {
    using receiver = new DatagramReceiver(abstractName());
    const { manager, clock } = managerFor({
      NOTIFY_SOCKET: receiver.name,
      WATCHDOG_USEC: '30000000',
      WATCHDOG_PID: String(PID),
    });
    const signsWithin = (ms: number) => {
      const before = receiver.receive().length;
      clock.advance(ms);
      return receiver.receive().slice(before);
    };
    expect(signsWithin(60_000)).toEqual([]);
    manager.ready('ready');
    expect(receiver.receive()).toEqual([expect.stringMatching(/^READY=1/), 'WATCHDOG=1']);
    expect(signsWithin(14_999)).toEqual([]);
    expect(signsWithin(1)).toEqual(['WATCHDOG=1']);
    expect(signsWithin(30_000)).toEqual(['WATCHDOG=1', 'WATCHDOG=1']);
    manager[Symbol.dispose]();
    expect(signsWithin(60_000)).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test.each([
    ['the watchdog is off', {}],
    ['it watches another process', { WATCHDOG_USEC: '1000', WATCHDOG_PID: '41' }],
    ['its time is none', { WATCHDOG_USEC: '0' }],
    ['its time is no number', { WATCHDOG_USEC: '1s' }],
    ['its time is endless', { WATCHDOG_USEC: '9'.repeat(20) }],
  ])('nothing regularly where %s', (_, environment) => {
    using receiver = new DatagramReceiver(abstractName());
    const { manager, clock } = managerFor({ NOTIFY_SOCKET: receiver.name, ...environment });
    manager.ready('ready');
    expect(clock.pending).toBe(0);
    expect(receiver.receive()).toHaveLength(1);
    manager[Symbol.dispose]();
  });

  test('again when its queue was full', () => {
    using receiver = new DatagramReceiver(abstractName());
    const { manager, clock, lines } = managerFor({ NOTIFY_SOCKET: receiver.name });
    for (let count = 0; clock.pending === 0 && count < MANY; count++) manager.starting();
    expect(clock.pending).toBe(1);
    manager.ready('ready');
    expect(receiver.receive().filter((message) => message.startsWith('READY=1'))).toEqual([]);
    clock.advance(1_000);
    expect(receiver.receive().at(-1)).toBe('READY=1\nSTATUS=ready');
    expect(clock.pending).toBe(0);
    expect(lines).toEqual([]);
    manager[Symbol.dispose]();
  });
});

test.each([
  ['nobody listens', '/nonexistent/notify', /ENOENT/],
  ['nobody has the abstract name', abstractName(), /ECONNREFUSED/],
  ['the name is relative', 'notify', /absolute path/],
  ["it is a virtual machine's", 'vsock:2:1234', /absolute path/],
  ['the name is too long', `/${'x'.repeat(108)}`, /less than 108 bytes/],
])('the daemon goes on, with one line in the log, where %s', (_, name, reason) => {
  const { manager, clock, lines } = managerFor({ NOTIFY_SOCKET: name, WATCHDOG_USEC: '2000' });
  manager.starting();
  manager.ready('ready');
  clock.advance(10_000);
  manager.stopping();
  manager[Symbol.dispose]();
  expect(lines).toEqual([expect.stringMatching(reason)]);
});

test('without a service manager nothing happens', () => {
  const { manager, clock, lines } = managerFor({ WATCHDOG_USEC: '2000' });
  manager.ready('ready');
  expect({ pending: clock.pending, lines }).toEqual({ pending: 0, lines: [] });
  manager[Symbol.dispose]();
});

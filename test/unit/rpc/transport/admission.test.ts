import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { descriptorLimit } from '../../../../src/base/host-resources.ts';
import { Admission, type AdmissionLimits, Admitted, type Peer } from '../../../../src/rpc/transport/admission.ts';
import { connectionLimits } from '../../../../src/rpc/transport/connection-limits.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';

const LIMITS: AdmissionLimits = {
  all: 8,
  others: { connections: 6, rate: { perSecond: 20, burst: 10 } },
  peer: { connections: 4, rate: { perSecond: 10, burst: 5 } },
  resets: { perSecond: 2, burst: 4 },
};

const stranger = (key: string): Peer => ({ key, isPrivileged: false });
const root = (key: string): Peer => ({ key, isPrivileged: true });

class Door {
  readonly clock = new ManualClock();
  readonly admission: Admission;
  readonly displaced: string[] = [];

  constructor(limits: Partial<AdmissionLimits> = {}) {
    this.admission = new Admission({ ...LIMITS, ...limits }, this.clock);
  }

  /** Its connection, in use at once where asked for; the reason otherwise. */
  come(peer: Peer, inUse = true): Admitted | string {
    const admitted = this.admission.admit(peer, () => this.displaced.push(peer.key));
    if (inUse && admitted instanceof Admitted) admitted.engage();
    return admitted;
  }

  /** What becomes of each, in words. */
  comeAll(peers: readonly Peer[], inUse = true): string[] {
    return peers.map((peer) => {
      const admitted = this.come(peer, inUse);
      return typeof admitted === 'string' ? admitted : 'admitted';
    });
  }
}

const times = <T>(count: number, of: T): T[] => Array.from({ length: count }, () => of);

describe('the limits of connections', () => {
  test('one peer has its share, and no more', () => {
    const door = new Door();
    expect(door.comeAll(times(5, stranger('a')))).toEqual([...times(4, 'admitted'), 'peer_connections']);
    expect(door.comeAll([stranger('b')])).toEqual(['admitted']);
  });

  test('all peers that are not privileged together leave the rest to those that are', () => {
    const door = new Door();
    const strangers = [...times(3, stranger('a')), ...times(4, stranger('b'))];
    expect(door.comeAll(strangers)).toEqual([...times(6, 'admitted'), 'connections']);
    expect(door.comeAll(times(3, root('r')))).toEqual(['admitted', 'admitted', 'connections']);
  });

  test('what is closed is free again', () => {
    const door = new Door({ all: 1 });
    const first = door.come(root('r'));
    expect(door.come(root('s'))).toBe('connections');
    if (first instanceof Admitted) first[Symbol.dispose]();
    expect(door.comeAll([root('s')])).toEqual(['admitted']);
    expect(door.admission.size).toBe(1);
  });

  test('who waits longest makes room; who is in use does not', () => {
    const door = new Door({ all: 3 });
    const [used, , again] = [
      door.come(root('used')),
      door.come(root('first'), false),
      door.come(root('second'), false),
    ];
    if (used instanceof Admitted) used.engage();
    expect(door.comeAll([root('third')], false)).toEqual(['admitted']);
    expect(door.displaced).toEqual(['first']);
    // Used once and waiting again: now it is the last to go.
    if (again instanceof Admitted) {
      again.engage();
      again.wait();
    }
    expect(door.comeAll([root('fourth')], false)).toEqual(['admitted']);
    expect(door.displaced).toEqual(['first', 'third']);
  });

  test('a peer at its limit displaces its own, and nobody else', () => {
    const door = new Door({ all: 5, peer: { connections: 2, rate: undefined } });
    door.comeAll([root('b'), root('a'), root('a'), root('a')], false);
    expect(door.displaced).toEqual(['a']);
    expect(door.admission.size).toBe(3);
  });
});

describe('the limits of new connections', () => {
  const closing = (door: Door, peer: Peer, count: number): string[] =>
    times(count, peer).map((each) => {
      const admitted = door.come(each);
      if (typeof admitted === 'string') return admitted;
      admitted[Symbol.dispose]();
      return 'admitted';
    });

  test('a burst, then as many as the time allows', () => {
    const door = new Door();
    expect(closing(door, stranger('a'), 7)).toEqual([...times(5, 'admitted'), 'peer_rate', 'peer_rate']);
    door.clock.advance(200);
    expect(closing(door, stranger('a'), 3)).toEqual(['admitted', 'admitted', 'peer_rate']);
  });

  test('what a peer has too many of takes nothing from the others', () => {
    const door = new Door();
    closing(door, stranger('a'), 1_000);
    expect(closing(door, stranger('b'), 5)).toEqual(times(5, 'admitted'));
    expect(closing(door, stranger('c'), 1)).toEqual(['rate']);
    expect(closing(door, root('r'), 1)).toEqual(['admitted']);
  });

  test('peers that are gone are forgotten, those with something open are not', () => {
    const door = new Door({ others: { connections: 10_000, rate: undefined }, all: 10_000 });
    const many = (prefix: string) => Array.from({ length: 5_000 }, (_, index) => stranger(`${prefix}${index}`));
    const come = (peers: readonly Peer[]) =>
      peers.flatMap((peer) => closing(door, peer, 1)).filter((what) => what === 'admitted');
    expect(come(many('a'))).toHaveLength(4_096);
    expect(come(many('b'))).toHaveLength(0);
    door.clock.advance(5_000);
    expect(come(many('b'))).toHaveLength(4_096);
  });

  test('resets are spent by all connections of a peer together, and come back', () => {
    const door = new Door();
    const [one, two, other] = [door.come(stranger('a')), door.come(stranger('a')), door.come(stranger('b'))];
    const spend = (admitted: Admitted | string, count: number) =>
      admitted instanceof Admitted && admitted.spendResets(count);
    expect([spend(one, 3), spend(two, 2), spend(two, 1), spend(one, 1), spend(other, 4)]).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
    door.clock.advance(1_000);
    expect([spend(one, 2), spend(one, 1)]).toEqual([true, false]);
  });
});

test('no order of events breaks a limit, or loses or keeps a place', () => {
  const event = fc.record({
    peer: fc.constantFrom(stranger('a'), stranger('b'), stranger('c'), root('r'), root('s')),
    what: fc.constantFrom('come', 'come', 'come', 'engage', 'wait', 'close'),
    which: fc.nat(20),
    afterMs: fc.constantFrom(0, 0, 10, 500),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 120 }), (events) => {
      const clock = new ManualClock();
      const admission = new Admission(LIMITS, clock);
      const open = new Map<Admitted, Peer>();
      const waiting = new Set<Admitted>();
      for (const { peer, what, which, afterMs } of events) {
        clock.advance(afterMs);
        const chosen = [...open.keys()][which % Math.max(1, open.size)];
        if (what === 'come') {
          const before = { size: open.size, waiting: waiting.size };
          let isSelf: Admitted | undefined;
          const admitted = admission.admit(peer, () => {
            if (isSelf === undefined) return;
            // Only those that wait are ever displaced.
            expect(waiting.delete(isSelf)).toBe(true);
            open.delete(isSelf);
          });
          if (typeof admitted === 'string') {
            expect({ size: open.size, waiting: waiting.size }).toEqual(before);
            continue;
          }
          isSelf = admitted;
          open.set(admitted, peer);
          waiting.add(admitted);
        } else if (chosen !== undefined) {
          if (what === 'engage') {
            chosen.engage();
            waiting.delete(chosen);
          } else if (what === 'wait') {
            chosen.wait();
            waiting.add(chosen);
          } else {
            chosen[Symbol.dispose]();
            open.delete(chosen);
            waiting.delete(chosen);
          }
        }
        const peers = [...open.values()];
        expect(admission.size).toBe(open.size);
        expect(open.size).toBeLessThanOrEqual(LIMITS.all);
        expect(peers.filter(({ isPrivileged }) => !isPrivileged).length).toBeLessThanOrEqual(LIMITS.others.connections);
        for (const each of new Set(peers.map(({ key }) => key))) {
          expect(peers.filter(({ key }) => key === each).length).toBeLessThanOrEqual(LIMITS.peer.connections);
        }
      }
    }),
  );
});

describe('what the descriptors of a process are for', () => {
  test.each([64, 256, 1_024, 4_096, 65_536, 1_048_576])(
    'of %i, all listeners together leave a third and more',
    (descriptors) => {
      const { lantern, csi, docker, tcp, pages, live } = connectionLimits(descriptors);
      expect(lantern.all + csi.all + docker.all + tcp.all + pages.all + live.all).toBeLessThanOrEqual(
        descriptors * (2 / 3),
      );
      for (const { all, others, peer } of [lantern, csi, docker, tcp, pages, live]) {
        expect(all).toBeGreaterThanOrEqual(others.connections);
        expect(others.connections).toBeGreaterThanOrEqual(1);
        expect(peer.connections).toBeGreaterThanOrEqual(1);
      }
      expect(lantern.all - lantern.others.connections).toBeGreaterThanOrEqual(lantern.all / 2);
    },
  );

  test.each([
    ['Max open files            1024                 524288               files     \n', 1_024],
    [
      'Max processes  5 5 processes\nMax open files            unlimited            unlimited            files     \n',
      1_048_576,
    ],
    ['Max open files            1073741816           1073741816           files     \n', 1_048_576],
    ['', 1_024],
  ])('%j', (text, limit) => {
    expect(descriptorLimit(() => text)).toBe(limit);
  });

  test('this process has some', () => {
    expect(descriptorLimit()).toBeGreaterThan(0);
  });
});

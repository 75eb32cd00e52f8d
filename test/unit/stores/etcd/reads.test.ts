import { describe, expect, test, vi } from 'vitest';
import { LanternError } from '../../../../src/base/errors.ts';
import type { ObjectRef } from '../../../../src/objects/object.ts';
import { EtcdReads, type Touched } from '../../../../src/stores/etcd/reads.ts';
import type { EtcdRecords, EtcdState } from '../../../../src/stores/etcd/records.ts';

const SIGNAL = new AbortController().signal;

function refs(from: number, to: number): ObjectRef[] {
  return Array.from({ length: to - from }, (_, index) => ref(from + index));
}

function ref(index: number): ObjectRef {
  return { kind: 'Secret', namespace: 'default', name: `s-${index}` };
}

/** An etcd whose answers come when the test says so. What it knows of an object is its name, as a revision. */
class Etcd {
  readonly requests: string[][] = [];
  readonly #answers: (() => void)[] = [];
  tooLarge: string | undefined;
  isAway = false;

  /** `EtcdRecords` is a class with more to it; only this is called. */
  readonly records = {
    readAll: async (wanted: readonly ObjectRef[], what: string): Promise<readonly EtcdState[]> => {
      this.requests.push(wanted.map(({ name }) => name));
      await new Promise<void>((resolve) => this.#answers.push(resolve));
      if (this.isAway) throw new LanternError('unavailable', `${what}: etcd is away`);
      if (wanted.some(({ name }) => name === this.tooLarge)) {
        throw new LanternError('resource-exhausted', `${what}: it is larger than etcd transfers at once`);
      }
      return wanted.map(({ name }) => {
        const revision = Number(name.slice(2));
        return { revision, changedAt: revision, object: undefined, problem: undefined };
      });
    },
  } as unknown as EtcdRecords;

  reads(touched: Touched = async () => {}): EtcdReads {
    return new EtcdReads(this.records, touched, SIGNAL);
  }

  answerOne(): void {
    this.#answers.shift()?.();
  }

  async answerAll(reads: Promise<unknown>): Promise<void> {
    let isOver = false;
    void reads
      .catch(() => {})
      .finally(() => {
        isOver = true;
      });
    await vi.waitFor(
      () => {
        this.answerOne();
        expect(isOver).toBe(true);
      },
      { timeout: 5_000, interval: 1 },
    );
  }

  get sizes(): number[] {
    return this.requests.map(({ length }) => length);
  }
}

describe('reads that are put together', () => {
  test('what is asked for at once is one request for 16 objects, two at a time; each asker gets its own', async () => {
    const etcd = new Etcd();
    const reads = etcd.reads();
    const states = Promise.all(refs(0, 100).map((wanted) => reads.read(wanted)));
    await vi.waitFor(() => expect(etcd.sizes).toEqual([16, 16]));
    await etcd.answerAll(states);
    expect((await states).map(({ revision }) => revision)).toEqual(refs(0, 100).map((_, index) => index));
    expect(etcd.sizes).toEqual([16, 16, 16, 16, 16, 16, 4]);
  });

  test('one alone is sent at once; what comes meanwhile goes into the next', async () => {
    const etcd = new Etcd();
    const reads = etcd.reads();
    const asked = [reads.read(ref(0))];
    await vi.waitFor(() => expect(etcd.sizes).toEqual([1]));
    asked.push(reads.read(ref(1)));
    await vi.waitFor(() => expect(etcd.sizes).toEqual([1, 1]));
    asked.push(...refs(2, 5).map((wanted) => reads.read(wanted)));
    const all = Promise.all(asked);
    await etcd.answerAll(all);
    expect(etcd.sizes).toEqual([1, 1, 3]);
    // Nothing is left of what was: the next is sent as the first was.
    const again = reads.read(ref(9));
    await etcd.answerAll(again);
    expect((await again).revision).toBe(9);
  });

  test('a failure is told to each as its own, and the next read is tried', async () => {
    const etcd = new Etcd();
    etcd.isAway = true;
    const reads = etcd.reads();
    const failed = Promise.allSettled(refs(0, 3).map((wanted) => reads.read(wanted)));
    await etcd.answerAll(failed);
    expect((await failed).map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual(
      refs(0, 3).map(({ name }) =>
        expect.objectContaining({ code: 'unavailable', message: `read Secret default/${name}: etcd is away` }),
      ),
    );
    etcd.isAway = false;
    const next = reads.read(ref(7));
    await etcd.answerAll(next);
    expect((await next).revision).toBe(7);
  });

  test('one object that is too large keeps none of the others away', async () => {
    const etcd = new Etcd();
    etcd.tooLarge = 's-1';
    const reads = etcd.reads();
    const outcomes = Promise.allSettled(refs(0, 3).map((wanted) => reads.read(wanted)));
    await etcd.answerAll(outcomes);
    expect(await outcomes).toEqual([
      { status: 'fulfilled', value: expect.objectContaining({ revision: 0 }) },
      { status: 'rejected', reason: expect.objectContaining({ code: 'resource-exhausted' }) },
      { status: 'fulfilled', value: expect.objectContaining({ revision: 2 }) },
    ]);
  });

  test('nothing is sent before the first contact; where that does not come, each is told', async () => {
    const etcd = new Etcd();
    let refuse: (error: unknown) => void = () => {};
    const contact = new Promise<void>((_, reject) => {
      refuse = reject;
    });
    const reads = etcd.reads(() => contact);
    const failed = Promise.allSettled(refs(0, 40).map((wanted) => reads.read(wanted)));
    refuse(new LanternError('unavailable', 'read objects in etcd: etcd has not answered yet'));
    for (const [index, outcome] of (await failed).entries()) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { message: `read Secret default/s-${index}: etcd has not answered yet` },
      });
    }
    expect(etcd.requests).toEqual([]);
  });
});

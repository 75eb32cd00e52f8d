import type { IKeyValue, IRangeResponse, ITxnRequest, ITxnResponse } from 'etcd3';
import { expect, test, vi } from 'vitest';
import { silentLog } from '../../../../src/base/log.ts';
import { EtcdElection, type EtcdElectionOptions } from '../../../../src/stores/etcd/election.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';

/** One key of an etcd, of which every answer to a transaction is lost: the client's second attempt is what answers. */
class LossyEtcd {
  isAway = false;
  holds = 0;
  #value: Buffer | undefined;
  #revision = 0;

  async range(): Promise<IRangeResponse> {
    if (this.isAway) throw new Error('away');
    return { kvs: this.#kvs() } as unknown as IRangeResponse;
  }

  async grantLease(): Promise<string> {
    return '1';
  }

  async transact({ compare = [], success = [], failure = [] }: ITxnRequest): Promise<ITxnResponse> {
    const [condition] = compare;
    const [operation] = success;
    const attempt = () => {
      if (condition?.target === 'Mod' && Number(condition.mod_revision) !== this.#revision) return false;
      const put = operation?.request_put;
      this.#value = put === undefined ? undefined : (put.value as Buffer);
      this.#revision += 1;
      return true;
    };
    attempt();
    const succeeded = attempt();
    this.holds += 1;
    const responses = succeeded ? [] : failure.map(() => ({ response_range: { kvs: this.#kvs() } }));
    return { succeeded, responses } as unknown as ITxnResponse;
  }

  #kvs(): IKeyValue[] {
    return this.#value === undefined ? [] : [{ value: this.#value, mod_revision: String(this.#revision) } as IKeyValue];
  }
}

test('who got the key, or kept it, works on although the answer was lost', async () => {
  const etcd = new LossyEtcd();
  const clock = new ManualClock();
  let begun = 0;
  let ended = 0;
  const begin = () => {
    begun += 1;
    return {
      [Symbol.asyncDispose]: async () => {
        ended += 1;
      },
    };
  };
  const options: EtcdElectionOptions = { client: etcd, key: '/lantern/elections/chore', begin, clock, log: silentLog };
  const election = new EtcdElection(options);
  election.start();
  for (let hold = 1; hold <= 3; hold++) {
    await vi.waitFor(() => expect({ holds: etcd.holds, pending: clock.pending }).toEqual({ holds: hold, pending: 1 }));
    expect({ isHolder: election.isHolder, begun, ended }).toEqual({ isHolder: true, begun: 1, ended: 0 });
    clock.advance(100_000);
  }
  await election[Symbol.asyncDispose]();
  expect(ended).toBe(1);
});

test('work that throws when it ends does not end the election', async () => {
  const etcd = new LossyEtcd();
  const clock = new ManualClock();
  let begun = 0;
  const begin = () => {
    begun += 1;
    return { [Symbol.asyncDispose]: () => Promise.reject(new Error('the work')) };
  };
  const election = new EtcdElection({ client: etcd, key: '/lantern/elections/chore', begin, clock, log: silentLog });
  election.start();
  const settled = () => vi.waitFor(() => expect(clock.pending).toBe(1));
  await settled();
  etcd.isAway = true;
  clock.advance(100_000);
  await vi.waitFor(() => expect(election.isHolder).toBe(false));
  await settled();
  etcd.isAway = false;
  clock.advance(100_000);
  await vi.waitFor(() => expect(begun).toBe(2));
  await election[Symbol.asyncDispose]();
});

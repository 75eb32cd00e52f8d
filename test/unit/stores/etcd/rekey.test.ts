import type { IKeyValue, IRangeRequest, IRangeResponse, ITxnRequest, ITxnResponse } from 'etcd3';
import { describe, expect, it } from 'vitest';
import { LanternError } from '../../../../src/base/errors.ts';
import { EtcdRekeying } from '../../../../src/stores/etcd/rekey.ts';
import { seal, unseal } from '../../../../src/stores/sealed/envelope.ts';
import { type KeyRing, passingKey, type StoreKey } from '../../../../src/stores/sealed/key-file.ts';

const PREFIX = '/lantern';
const STORE_ID = `${PREFIX}/store-id`;
const OLD = passingKey();
const NEW = passingKey();
const ringOf = (first: StoreKey, ...others: StoreKey[]): KeyRing => ({
  first,
  byId: new Map([first, ...others].map((key) => [key.id, key])),
});
const KEYS = ringOf(NEW, OLD);

const pathOf = (name: string) => `${PREFIX}/objects/Secret/default/${name}`;

/** As much of an etcd as this asks for; with turns for others in between. */
class FakeEtcd {
  readonly values = new Map<string, { readonly value: Buffer; readonly revision: number }>();
  /** Called when a value was read, before the answer arrives. */
  onRead: (path: string) => void = () => {};
  /** Called before a transaction; what it throws is the answer. */
  onTransaction: () => void = () => {};
  /** A transaction is carried out, and its answer is lost; the client's second attempt is what answers. */
  losesAnswers = false;
  writes = 0;
  mostAtOnce = 0;
  #atOnce = 0;
  #revision = 0;

  put(path: string, value: Buffer): void {
    this.#revision += 1;
    this.values.set(path, { value, revision: this.#revision });
  }

  putSealed(path: string, text: string, by = OLD): void {
    this.put(path, seal(by, Buffer.from(text), path));
  }

  opened(path: string): { readonly text: string; readonly by: StoreKey } {
    const { bytes, key } = unseal(KEYS, this.values.get(path)?.value ?? Buffer.of(), path, 'open');
    return { text: bytes.toString(), by: key };
  }

  async range({ key, range_end, limit }: IRangeRequest): Promise<IRangeResponse> {
    await this.#turn();
    const [from, to] = [String(key), range_end === undefined ? undefined : String(range_end)];
    const paths = [...this.values.keys()].sort().filter((path) => (to ? path >= from && path < to : path === from));
    const page = paths.slice(0, Number(limit ?? paths.length));
    const kvs = page.map((path) => this.#kv(path));
    if (to === undefined) this.onRead(from);
    return { kvs, more: page.length < paths.length } as unknown as IRangeResponse;
  }

  async transact({ compare = [], success = [] }: ITxnRequest): Promise<ITxnResponse> {
    await this.#turn();
    this.onTransaction();
    const [condition] = compare;
    const put = success[0]?.request_put;
    const path = String(put?.key);
    const attempt = () => {
      const { revision } = this.values.get(path) ?? {};
      if (condition !== undefined && revision !== Number(condition.mod_revision)) return false;
      this.writes += 1;
      this.put(path, put?.value as Buffer);
      return true;
    };
    let succeeded = attempt();
    if (this.losesAnswers) succeeded = attempt();
    const kvs = this.values.has(path) ? [this.#kv(path)] : [];
    const header = { revision: String(this.#revision) };
    return { header, succeeded, responses: [{ response_range: { kvs } }] } as unknown as ITxnResponse;
  }

  #kv(path: string): IKeyValue {
    const { value = Buffer.of(), revision = 0 } = this.values.get(path) ?? {};
    return { key: Buffer.from(path), value, mod_revision: String(revision) } as IKeyValue;
  }

  async #turn(): Promise<void> {
    this.#atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
    await new Promise(setImmediate);
    this.#atOnce -= 1;
  }
}

/** How many it rewrote, and what it said of those it left; `error` is what ended it. */
async function rekey(etcd: FakeEtcd, keys = KEYS) {
  let rewritten = 0;
  const left: string[] = [];
  const onRewritten = () => {
    rewritten += 1;
  };
  const onLeft = ({ code, message }: LanternError) => left.push(`${code}: ${message}`);
  const signal = new AbortController().signal;
  const error = await new EtcdRekeying({ client: etcd, keys, prefix: PREFIX, onRewritten, onLeft }, signal).run().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { rewritten, left, error };
}

/** A store with that many objects, sealed by the old key. */
function etcdWith(objects: number): FakeEtcd {
  const etcd = new FakeEtcd();
  etcd.putSealed(STORE_ID, 'id');
  for (let object = 0; object < objects; object++) etcd.putSealed(pathOf(`s${object}`), `text ${object}`);
  return etcd;
}

describe('a rekey of a store in etcd', () => {
  it('seals everything with the first key, more than a page of it, few at a time, and a repeat nothing', async () => {
    const objects = 2_001;
    const etcd = etcdWith(objects);
    const election = `${PREFIX}/elections/token-secrets`;
    etcd.put(election, Buffer.from('candidate'));
    expect(await rekey(etcd)).toEqual({ rewritten: objects + 1, left: [], error: undefined });
    expect(etcd.opened(STORE_ID)).toEqual({ text: 'id', by: NEW });
    for (let object = 0; object < objects; object++) {
      expect(etcd.opened(pathOf(`s${object}`))).toEqual({ text: `text ${object}`, by: NEW });
    }
    expect(etcd.values.get(election)?.value.toString()).toBe('candidate');
    expect(etcd.mostAtOnce).toBeLessThanOrEqual(8);
    expect(etcd.mostAtOnce).toBeGreaterThan(1);
    const { writes } = etcd;
    expect(await rekey(etcd, ringOf(NEW))).toEqual({ rewritten: 0, left: [], error: undefined });
    expect(etcd.writes).toBe(writes);
  });

  it.each([
    ['sealed by the old key', (etcd: FakeEtcd) => etcd.putSealed(pathOf('s0'), 'newer'), 1, 'newer'],
    ['sealed by the new key', (etcd: FakeEtcd) => etcd.putSealed(pathOf('s0'), 'newer', NEW), 0, 'newer'],
    ['removed', (etcd: FakeEtcd) => etcd.values.delete(pathOf('s0')), 0, undefined],
  ])('loses nothing that a daemon writes meanwhile: %s', async (_, write, rewritten, text) => {
    const etcd = etcdWith(1);
    etcd.onRead = (path) => {
      if (path !== pathOf('s0')) return;
      etcd.onRead = () => {};
      write(etcd);
    };
    expect(await rekey(etcd)).toEqual({ rewritten: rewritten + 1, left: [], error: undefined });
    expect(etcd.values.has(pathOf('s0'))).toBe(text !== undefined);
    if (text !== undefined) expect(etcd.opened(pathOf('s0'))).toEqual({ text, by: NEW });
  });

  it('gives up on a value that is written all the time, and goes on', async () => {
    const etcd = etcdWith(3);
    etcd.onRead = (path) => {
      if (path === pathOf('s1')) etcd.putSealed(path, 'again');
    };
    const { rewritten, left } = await rekey(etcd);
    expect(rewritten).toBe(3);
    expect(left).toEqual([expect.stringContaining(`aborted: rekey "${pathOf('s1')}": daemons write it all the time`)]);
  });

  it('names what no key opens and leaves it, and seals the others', async () => {
    const etcd = etcdWith(3);
    const other = passingKey();
    etcd.putSealed(pathOf('s0'), 'PLANTED', other);
    etcd.put(pathOf('s1'), Buffer.from('PLANTED'));
    const kept = [pathOf('s0'), pathOf('s1')].map((path) => etcd.values.get(path));
    const { rewritten, left, error } = await rekey(etcd);
    expect({ rewritten, error }).toEqual({ rewritten: 2, error: undefined });
    expect([...left].sort()).toEqual([
      expect.stringContaining(`data-loss: rekey "${pathOf('s1')}": it is damaged`),
      expect.stringContaining(`failed-precondition: rekey "${pathOf('s0')}": it is sealed with the key ${other.id}`),
    ]);
    expect(left.join()).not.toContain('PLANTED');
    expect([pathOf('s0'), pathOf('s1')].map((path) => etcd.values.get(path))).toEqual(kept);
    expect(etcd.opened(pathOf('s2')).by).toEqual(NEW);
  });

  it('goes on where it was broken off', async () => {
    const etcd = etcdWith(40);
    etcd.onTransaction = () => {
      if (etcd.writes >= 15) throw new LanternError('unavailable', 'etcd is away');
    };
    const first = await rekey(etcd);
    expect(first).toMatchObject({ left: [], error: { code: 'unavailable' } });
    etcd.onTransaction = () => {};
    const second = await rekey(etcd);
    expect(second).toMatchObject({ left: [], error: undefined });
    expect(first.rewritten).toBeGreaterThan(0);
    expect(first.rewritten + second.rewritten).toBe(41);
  });

  it('counts what was carried out although its answer was lost', async () => {
    const etcd = etcdWith(2);
    etcd.losesAnswers = true;
    expect(await rekey(etcd)).toEqual({ rewritten: 3, left: [], error: undefined });
  });

  it('begins with the id of the store: a daemon without the new key stops there', async () => {
    const etcd = etcdWith(2);
    const before = new Map(etcd.values);
    etcd.onTransaction = () => {
      etcd.onTransaction = () => {
        throw new LanternError('unavailable', 'etcd is away');
      };
    };
    await rekey(etcd);
    const changed = [...etcd.values].filter(([path, kept]) => before.get(path) !== kept).map(([path]) => path);
    expect(changed).toEqual([STORE_ID]);
  });

  it.each([
    ['sealed by a key that is not named', seal(passingKey(), Buffer.from('PLANTED'), STORE_ID), 'failed-precondition'],
    ['damaged', Buffer.from('PLANTED'), 'data-loss'],
  ])('ends before the first object when the id is %s: nothing would keep daemons off', async (_, id, code) => {
    const etcd = etcdWith(2);
    etcd.put(STORE_ID, id);
    const { rewritten, error } = await rekey(etcd);
    expect({ rewritten, writes: etcd.writes }).toEqual({ rewritten: 0, writes: 0 });
    expect(error).toMatchObject({ code, message: expect.stringContaining(`rekey "${STORE_ID}": it is`) });
    expect(String(error)).not.toContain('PLANTED');
  });

  it('makes no store where there is none', async () => {
    const etcd = new FakeEtcd();
    const { error } = await rekey(etcd);
    expect(error).toMatchObject({ code: 'not-found', message: expect.stringContaining(`"${PREFIX}"`) });
    expect(etcd.values.size).toBe(0);
  });
});

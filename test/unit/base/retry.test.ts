import { describe, expect, it } from 'vitest';
import { delays, retry } from '../../../src/base/retry.ts';

const backoff = { firstMs: 100, maxMs: 500, jitter: 0 };

describe('delays', () => {
  it('double up to the most', () => {
    const waits = delays(backoff);
    expect([1, 2, 3, 4, 5].map(() => waits.next().value)).toEqual([100, 200, 400, 500, 500]);
  });

  it('are cut by the jitter, never stretched', () => {
    expect(delays({ ...backoff, jitter: 0.2 }, () => 1).next().value).toBe(80);
    expect(delays({ ...backoff, jitter: 0.2 }, () => 0).next().value).toBe(100);
  });
});

describe('retry', () => {
  /** Fails as often as told, with waits that pass at once and are noted. */
  function harness(failures: number) {
    const waits: number[] = [];
    const stop = new AbortController();
    let attempts = 0;
    const run = (isTransient: boolean, stopAfter = Number.POSITIVE_INFINITY) =>
      retry(
        async () => {
          if (attempts++ < failures) throw new Error(`failure ${attempts}`);
          return attempts;
        },
        {
          clock: {
            async sleep(ms, signal) {
              waits.push(ms);
              if (waits.length >= stopAfter) stop.abort();
              signal.throwIfAborted();
            },
          },
          signal: stop.signal,
          backoff,
          isTransient: () => isTransient,
        },
      );
    return { run, waits };
  }

  it('goes on until the attempt succeeds', async () => {
    const { run, waits } = harness(2);
    await expect(run(true)).resolves.toBe(3);
    expect(waits).toEqual([100, 200]);
  });

  it('throws at once what will not pass', async () => {
    const { run, waits } = harness(2);
    await expect(run(false)).rejects.toThrow('failure 1');
    expect(waits).toEqual([]);
  });

  it('throws the last failure, not the abort, when the signal ends it', async () => {
    const { run, waits } = harness(10);
    await expect(run(true, 2)).rejects.toThrow('failure 2');
    expect(waits).toEqual([100, 200]);
  });

  it('throws the last failure when the signal ends an attempt', async () => {
    const stop = new AbortController();
    let attempts = 0;
    const attempt = async () => {
      attempts += 1;
      if (attempts === 1) throw new Error('missing');
      stop.abort();
      throw stop.signal.reason;
    };
    const isTransient = (error: unknown) => error !== stop.signal.reason;
    const clock = { sleep: async () => {} };
    await expect(retry(attempt, { clock, signal: stop.signal, backoff, isTransient })).rejects.toThrow('missing');
  });
});

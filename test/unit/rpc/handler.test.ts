import { EventEmitter, getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { type ServerUnaryCall, type ServerWritableStream, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { LanternError } from '../../../src/base/errors.ts';
import { CallDesk, type Unary } from '../../../src/rpc/handler.ts';
import { LogLines } from '../../support/suite/log-lines.ts';

const METHOD = '/lantern.v1.Projector/Mount';

/** As much of gRPC's call as a handler meets. */
class FakeCall extends EventEmitter {
  readonly request = { volumeId: 'v' };
  readonly deadline: number | Date;
  readonly written: unknown[] = [];
  ended = false;
  /** How many messages it takes before the reader must catch up. */
  room = Number.POSITIVE_INFINITY;

  constructor(deadline: number | Date = Number.POSITIVE_INFINITY) {
    super();
    this.deadline = deadline;
  }

  getDeadline(): number | Date {
    return this.deadline;
  }

  write(message: unknown): boolean {
    this.written.push(message);
    this.room -= 1;
    return this.room > 0;
  }

  end(): void {
    this.ended = true;
  }

  catchUp(room: number): void {
    this.room = room;
    this.emit('drain');
  }
}

class Desk {
  readonly log = new LogLines();
  readonly #shutdown = new AbortController();
  readonly #desk = new CallDesk(this.log.log, this.#shutdown.signal);

  get listeners(): number {
    return getEventListeners(this.#shutdown.signal, 'abort').length;
  }

  shutDown(): void {
    this.#shutdown.abort();
  }

  /** What gRPC would be told: the answer, or the status. */
  unary(handle: Unary<object, unknown>, call = new FakeCall()): Promise<unknown> {
    return new Promise((resolve) => {
      const handler = this.#desk.unary(METHOD, handle);
      handler(call as unknown as ServerUnaryCall<object, unknown>, (error, answer) => resolve(error ?? { answer }));
    });
  }

  streaming(messages: (signal: AbortSignal) => AsyncIterable<unknown>, call: FakeCall): Promise<unknown> {
    const handler = this.#desk.streaming<object, unknown>(METHOD, (_, signal) => messages(signal));
    handler(call as unknown as ServerWritableStream<object, unknown>);
    return new Promise((resolve) => {
      call.once('error', resolve);
      call.end = () => resolve('ended');
    });
  }
}

/** Goes on until its signal aborts. */
const waiting: Unary<object, never> = (_, signal) =>
  new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason));
  });

describe('a unary call', () => {
  it('is answered with what the method returns or throws, at once or later', async () => {
    const desk = new Desk();
    const refuse = () => {
      throw new LanternError('not-found', 'no');
    };
    expect(await desk.unary(() => 1)).toEqual({ answer: 1 });
    expect(await desk.unary(async () => 2)).toEqual({ answer: 2 });
    expect(await desk.unary(refuse)).toMatchObject({ code: status.NOT_FOUND, details: 'no' });
    expect(await desk.unary(async () => refuse())).toMatchObject({ code: status.NOT_FOUND, details: 'no' });
  });

  it('ends when it is cancelled', async () => {
    const call = new FakeCall();
    const answer = new Desk().unary(waiting, call);
    call.emit('cancelled');
    expect(await answer).toMatchObject({ code: status.CANCELLED });
  });

  it.each([
    ['passed', () => Date.now() - 1_000],
    ['passes', () => Date.now() + 5],
    ['is a date', () => new Date(Date.now() + 5)],
  ])('ends when its deadline %s', async (_, deadline) => {
    expect(await new Desk().unary(waiting, new FakeCall(deadline()))).toMatchObject({
      code: status.DEADLINE_EXCEEDED,
    });
  });

  it('ends a tenth before its deadline, so that the answer is there in time', async () => {
    const started = Date.now();
    await new Desk().unary(waiting, new FakeCall(started + 500));
    expect(Date.now() - started).toBeLessThan(500);
  });

  it('does not end before a deadline that no timer reaches', async () => {
    const call = new FakeCall(Date.now() + 2 ** 40);
    const answer = new Desk().unary(waiting, call);
    await turn();
    call.emit('cancelled');
    expect(await answer).toMatchObject({ code: status.CANCELLED });
  });

  it('ends at shutdown, and is unavailable whatever its last attempt says', async () => {
    const desk = new Desk();
    const plain = desk.unary(waiting);
    const insisting = desk.unary((request, signal) =>
      Promise.resolve(waiting(request, signal)).catch(() => {
        throw new LanternError('failed-precondition', 'Secret "db" does not exist');
      }),
    );
    desk.shutDown();
    expect(await plain).toMatchObject({ code: status.UNAVAILABLE, details: 'the daemon is shutting down; try again' });
    expect(await insisting).toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('Secret "db" does not exist'),
    });
    expect(await desk.unary(waiting)).toMatchObject({ code: status.UNAVAILABLE });
  });

  it('makes nothing that could end it, if its method takes no signal', async () => {
    const desk = new Desk();
    const call = new FakeCall();
    await desk.unary(() => 1, call);
    expect(call.listenerCount('cancelled')).toBe(0);
    const waits = Array.from({ length: 20 }, () => desk.unary(waiting));
    expect(desk.listeners).toBe(1);
    desk.shutDown();
    await Promise.all(waits);
  });

  it.each([
    [() => 1, 'code=ok'],
    [() => Promise.reject(new LanternError('not-found', 'hunter2')), 'code=not-found'],
    [() => Promise.reject(Object.assign(new Error('hunter2'), { code: 'ENOSPC' })), 'code=resource-exhausted'],
  ])('has one line in the log, without contents', async (handle, code) => {
    const desk = new Desk();
    await desk.unary(handle);
    expect(desk.log.lines).toHaveLength(1);
    expect(desk.log.lines[0]).toMatch(/DEBUG call method=\/lantern\.v1\.Projector\/Mount .*ms=/);
    expect(desk.log.lines[0]).toContain(code);
    expect(desk.log.lines[0]).not.toContain('hunter2');
  });

  it.each([new SyntaxError('hunter2'), new Error('first\n    at hunter2'), 'hunter2'])(
    'that fails unexpectedly is logged by place, not by message',
    async (error) => {
      const desk = new Desk();
      expect(await desk.unary(() => Promise.reject(error))).toMatchObject({ code: status.INTERNAL });
      expect(desk.log.lines).toHaveLength(2);
      expect(desk.log.lines[0]).toContain('a call failed unexpectedly');
      expect(desk.log.lines.join('')).not.toContain('hunter2');
    },
  );
});

describe('a stream', () => {
  it('ends as its iteration does', async () => {
    const call = new FakeCall();
    const ending = await new Desk().streaming(async function* () {
      yield* [1, 2];
    }, call);
    expect([call.written, ending]).toEqual([[1, 2], 'ended']);
  });

  it('takes no more from the method than its reader takes', async () => {
    const call = new FakeCall();
    call.room = 2;
    let taken = 0;
    const ending = new Desk().streaming(async function* () {
      for (; taken < 5; taken += 1) yield taken;
    }, call);
    await turn();
    expect(call.written).toEqual([0, 1]);
    call.catchUp(10);
    expect(await ending).toBe('ended');
    expect(call.written).toEqual([0, 1, 2, 3, 4]);
  });

  it('fails with what the method throws', async () => {
    const ending = new Desk().streaming(async function* () {
      yield 1;
      throw new LanternError('out-of-range', 'too late');
    }, new FakeCall());
    expect(await ending).toMatchObject({ code: status.OUT_OF_RANGE, details: 'too late' });
  });

  it('that nobody reads any more lets go of the method', async () => {
    const call = new FakeCall();
    call.room = 1;
    let isOver = false;
    const ending = new Desk().streaming(async function* () {
      try {
        for (;;) yield 1;
      } finally {
        isOver = true;
      }
    }, call);
    await turn();
    call.emit('cancelled');
    expect(await ending).toMatchObject({ code: status.CANCELLED });
    expect(isOver).toBe(true);
  });
});

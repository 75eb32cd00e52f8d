import { once } from 'node:events';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { invalid, LanternError, toLanternError } from '../../src/base/errors.ts';
import { EventLog } from '../../src/projection/events/event-log.ts';
import { connect } from '../../src/rpc/client.ts';
import type { CallObserver } from '../../src/rpc/handler.ts';
import { eventToWire } from '../../src/rpc/lantern/projector-messages.ts';
import { csi, lantern, messageType } from '../../src/rpc/protos.ts';
import type { ProjectorMethods } from '../../src/rpc/services.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { reflect } from '../support/projection/reflect.ts';
import { RpcFixture } from '../support/projection/rpc-fixture.ts';
import { PatientClock } from '../support/suite/clocks.ts';
import { rejectionOf } from '../support/suite/expectations.ts';

/** A method that reports its signal and goes on until that aborts. */
class Waiting {
  #enter: (signal: AbortSignal) => void = () => {};
  readonly entered = new Promise<AbortSignal>((resolve) => {
    this.#enter = resolve;
  });

  readonly method = async (_request: object, signal: AbortSignal): Promise<never> => {
    this.#enter(signal);
    if (!signal.aborted) await once(signal, 'abort');
    throw signal.reason;
  };
}

class Gate {
  open: () => void = () => {};
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

async function aborted(signal: AbortSignal): Promise<unknown> {
  if (!signal.aborted) await once(signal, 'abort');
  return signal.reason;
}

describe('a call', () => {
  it('ends at its deadline, on both sides', async () => {
    const waiting = new Waiting();
    await using fixture = await RpcFixture.start({ projector: { mount: waiting.method } });
    const error = await rejectionOf(fixture.client.projector.mount({}, { deadlineMs: 200 }));
    expect(error.code).toBe('deadline-exceeded');
    await aborted(await waiting.entered);
    expect(await fixture.log.line('/lantern.v1.Projector/Mount')).toMatch(/code=(deadline-exceeded|cancelled)/);
  });

  it("ends with its client's patience", async () => {
    const waiting = new Waiting();
    await using fixture = await RpcFixture.start({ projector: { mount: waiting.method } });
    const stop = new AbortController();
    const call = fixture.client.projector.mount({}, { signal: stop.signal });
    const signal = await waiting.entered;
    stop.abort(new Error('no more patience'));
    await expect(call).rejects.toThrow('no more patience');
    expect(await aborted(signal)).toMatchObject({ name: 'AbortError' });
    expect(await fixture.log.line('/lantern.v1.Projector/Mount')).toContain('code=cancelled');
  });

  it('may carry more than the 4 MiB of gRPC, in both directions, but not without bound', async () => {
    const mount: ProjectorMethods['mount'] = async ({ data }) => ({
      volume: { lastError: 'x'.repeat(data.blob?.length ?? 0) },
    });
    await using fixture = await RpcFixture.start({ projector: { mount } });
    const { volume } = await fixture.client.projector.mount({ data: { blob: Buffer.alloc(6_000_000) } });
    expect(volume?.lastError.length).toBe(6_000_000);
    const tooLarge = fixture.client.projector.mount({ data: { blob: Buffer.alloc(8 * 1024 * 1024) } });
    expect((await rejectionOf(tooLarge)).code).toBe('resource-exhausted');
    expect((await fixture.client.health.check({ service: '' })).status).toBe('SERVING');
  });

  it('with bytes that are no message is refused without repeating them', async () => {
    const heard: string[] = [];
    const calls: CallObserver = {
      begun: () => (outcome) => void heard.push(outcome),
      unreadable: () => void heard.push('unreadable'),
    };
    await using fixture = await RpcFixture.start({ calls });
    const error = await raw(fixture, '/lantern.v1.Projector/Mount', Buffer.from('\x7fhunter2'));
    expect(heard).toEqual(['unreadable', 'invalid-argument']);
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(error.details).toBe('the request is malformed: it is not a message of this method');
    expect(await fixture.log.line('/lantern.v1.Projector/Mount')).toContain('code=invalid-argument');
    expect(fixture.log.lines.join('')).not.toMatch(/hunter2|WARN|ERROR/);
    expect((await fixture.client.health.check({ service: '' })).status).toBe('SERVING');
  });

  it.each([
    ['here', (cause: Error) => cause],
    ['below', (cause: Error) => toLanternError(cause, 'mount')],
  ])('that fails unexpectedly %s shows neither the client nor the log what the error says', async (_, thrown) => {
    const mount = () => {
      throw thrown(new SyntaxError('hunter2\n    at hunter2 (secret)'));
    };
    await using fixture = await RpcFixture.start({ projector: { mount } });
    const error = await rejectionOf(fixture.client.projector.mount({}));
    expect(error).toMatchObject({ code: 'internal', message: expect.not.stringContaining('hunter2') });
    const line = await fixture.log.line('failed unexpectedly');
    expect(line).toContain('SyntaxError');
    expect(line).toContain('rpc-server.test.ts');
    expect(fixture.log.lines.join('')).not.toContain('hunter2');
  });
});

describe('a stream', () => {
  it('ends with resource-exhausted when its reader is slow, and goes on for one that is not', async () => {
    const events = new EventLog({ clock: new PatientClock() });
    let readers = 0;
    const watchVolumes = async function* (_: object, signal: AbortSignal) {
      const queue = events.watchVolumes(undefined, [], signal);
      readers += 1;
      try {
        for await (const event of queue) yield eventToWire(event);
      } finally {
        readers -= 1;
      }
    };
    await using fixture = await RpcFixture.start({ projector: { watchVolumes } });
    const fast = fixture.client.projector.watchVolumes({})[Symbol.asyncIterator]();
    // On a connection of its own, because the streams of one share its window, and not read at all but for one step:
    // before that grpc-js takes in whatever comes.
    const { path, requestSerialize, responseDeserialize } = lantern.Projector.service.WatchVolumes;
    const slow = fixture.raw.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {}, new Metadata());
    const ending = once(slow, 'error') as Promise<[ServiceError]>;
    slow.once('data', () => slow.pause());
    while (readers < 2) await turn();
    const message = 'x'.repeat(1_000);
    for (let sent = 0; sent < 6_000; sent += 1) {
      events.emit({
        volumeId: 'v',
        namespace: 'default',
        pod: undefined,
        time: 0,
        type: 'warning',
        reason: 'Test',
        message,
      });
      await fast.next();
    }
    slow.resume();
    const [error] = await ending;
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(error.details).toContain('fell 4096 events behind');
    events.emit({
      volumeId: 'v',
      namespace: 'default',
      pod: undefined,
      time: 0,
      type: 'failed',
      reason: 'Test',
      message: 'one more',
    });
    expect((await fast.next()).value).toMatchObject({ type: 'FAILED', message: 'one more' });
    await fast.return?.();
  });

  it('that fails before it is read keeps its failure for the reader', async () => {
    const watchVolumes = () => {
      throw new LanternError('out-of-range', 'too late');
    };
    await using fixture = await RpcFixture.start({ projector: { watchVolumes } });
    const stream = fixture.client.projector.watchVolumes({});
    await fixture.log.line('/lantern.v1.Projector/WatchVolumes');
    await fixture.client.health.check({ service: '' });
    expect(await rejectionOf(count(stream))).toMatchObject({ code: 'out-of-range', message: 'too late' });
  });
});

describe('shutting down', () => {
  it('ends what waits with unavailable, streams as well', async () => {
    await using harness = await DaemonHarness.start();
    using client = connect(join(harness.runDirectory, 'lantern.sock'));
    const events = client.projector.watchVolumes({})[Symbol.asyncIterator]();
    const first = events.next();
    const mount = client.projector.mount({
      volumeId: 'late',
      definition: { source: { secret: { secretName: 'late' } } },
      targetPath: harness.target('late'),
      waitForObjects: true,
    });
    const refused = rejectionOf(mount);
    // It waits now: it said so.
    await first;
    const ended = rejectionOf(events.next());
    await harness.end();
    const shutDown = { code: 'unavailable', message: expect.stringContaining('shutting down') };
    expect(await refused).toMatchObject(shutDown);
    expect(await ended).toMatchObject(shutDown);
  });

  it('lets what is under way finish', async () => {
    const [entered, finished] = [new Gate(), new Gate()];
    const unmount = async () => {
      entered.open();
      await finished.opened;
      return {};
    };
    await using fixture = await RpcFixture.start({ projector: { unmount } });
    const call = fixture.client.projector.unmount({ volumeId: 'v' });
    await entered.opened;
    const down = fixture.server[Symbol.asyncDispose]();
    finished.open();
    expect(await call).toEqual({});
    await down;
  });

  it('does not wait for ever for a call that does not end', async () => {
    const clock = new PatientClock();
    const entered = new Gate();
    const unmount = () => {
      entered.open();
      return new Promise<never>(() => {});
    };
    await using fixture = await RpcFixture.start({ clock, projector: { unmount } });
    const call = rejectionOf(fixture.client.projector.unmount({ volumeId: 'v' }));
    await entered.opened;
    const down = fixture.server[Symbol.asyncDispose]();
    await clock.longTimer();
    clock.advance(5_000);
    await down;
    expect((await call).code).toMatch(/unavailable|cancelled|internal/);
    expect(fixture.log.lines.join('')).toContain('calls did not end in time');
  });

  it('may be asked for twice, and before the start', async () => {
    const fixture = await RpcFixture.start();
    await fixture.server[Symbol.asyncDispose]();
    await fixture[Symbol.asyncDispose]();
    await new RpcFixture()[Symbol.asyncDispose]();
  });
});

describe('what other tools ask', () => {
  it('health says whether volumes are served yet', async () => {
    await using fixture = await RpcFixture.start();
    const health = async () => (await fixture.client.health.check({ service: '' })).status;
    expect(await health()).toBe('SERVING');
    fixture.server.setServing(false);
    expect(await health()).toBe('NOT_SERVING');
    await using harness = await DaemonHarness.start();
    expect((await harness.client.health.check({ service: '' })).status).toBe('SERVING');
  });

  it.each(['v1', 'v1alpha'])('reflection %s lists every service and knows its messages', async (version) => {
    await using fixture = await RpcFixture.start();
    const answers = await reflect(fixture.raw, version, [
      { listServices: '' },
      { fileContainingSymbol: 'lantern.v1.Projector' },
    ]);
    const [services, file] = answers as [
      { listServicesResponse: { service: { name: string }[] } },
      { fileDescriptorResponse: { fileDescriptorProto: Buffer[] } },
    ];
    expect(services.listServicesResponse.service.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['lantern.v1.Projector', 'csi.v1.Controller', 'csi.v1.Node', 'grpc.health.v1.Health']),
    );
    expect(Buffer.concat(file.fileDescriptorResponse.fileDescriptorProto).toString('latin1')).toContain('MountRequest');
  });

  it('details of errors are on lantern.v1 and not on csi.v1', async () => {
    const refuse = () => {
      throw invalid([
        { field: 'volume_id', message: 'is required' },
        { field: 'target_path', message: 'is required' },
      ]);
    };
    await using fixture = await RpcFixture.start({ projector: { mount: refuse }, node: { nodePublishVolume: refuse } });
    const own = await raw(fixture, lantern.Projector.service.Mount.path, Buffer.alloc(0));
    const [bytes] = own.metadata.get('grpc-status-details-bin');
    const details = decode('google.rpc.Status', bytes) as { details: { type_url: string; value: Buffer }[] };
    expect(details).toMatchObject({ code: status.INVALID_ARGUMENT, message: own.details });
    expect(details.details.map(({ type_url }) => type_url)).toEqual(['type.googleapis.com/google.rpc.BadRequest']);
    expect(decode('google.rpc.BadRequest', details.details[0]?.value)).toEqual({
      fieldViolations: [
        { field: 'volume_id', description: 'is required' },
        { field: 'target_path', description: 'is required' },
      ],
    });
    const foreign = await raw(fixture, csi.Node.service.NodePublishVolume.path, Buffer.alloc(0));
    expect(foreign).toMatchObject({ code: status.INVALID_ARGUMENT, details: own.details });
    expect(foreign.metadata.get('grpc-status-details-bin')).toEqual([]);
  });

  it('csi.sock has the services of CSI and no others', async () => {
    await using fixture = await RpcFixture.start({ identity: { probe: () => ({ ready: { value: true } }) } });
    using host = connect(fixture.csiSocket);
    expect(await host.identity.probe({})).toEqual({ ready: { value: true } });
    expect((await rejectionOf(host.objects.list({ kind: 'Secret' }))).code).toBe('unimplemented');
    expect((await rejectionOf(host.projector.listVolumes({}))).message).not.toContain('not in this test');
  });
});

async function count(stream: AsyncIterable<unknown>): Promise<number> {
  let messages = 0;
  for await (const _ of stream) messages += 1;
  return messages;
}

/** The error of a unary call with these bytes as its message. */
function raw(fixture: RpcFixture, path: string, bytes: Buffer): Promise<ServiceError> {
  const asIs = (message: Buffer) => message;
  return new Promise((resolve, reject) => {
    fixture.raw.makeUnaryRequest(path, asIs, asIs, bytes, new Metadata(), (error) => {
      if (error === null) reject(new Error('the call succeeded'));
      else resolve(error);
    });
  });
}

function decode(name: string, bytes: unknown): object {
  return messageType(name).deserialize(bytes as Buffer);
}

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { Stage } from '../demo/stage.ts';
import { connect, type LanternClient } from '../src/rpc/client.ts';
import { createKeyFile } from '../src/stores/sealed/key-file.ts';
import { EtcdServer, isEtcdThere } from '../test/support/etcd/etcd-server.ts';
import { type Figure, isQuick, percentile } from './measure.ts';

const ROUNDS = isQuick ? 30 : 300;
const WARM_UP = isQuick ? 10 : 100;
/** Between two changes, in milliseconds: they are not to wait for each other. */
const PAUSE_MS = 5;
const VALUE_BYTES = 2_048;
const PATIENCE_MS = 10_000;

/** Milliseconds of each round. */
type Delays = { readonly fromAnswer: number[]; readonly fromCall: number[] };

/** From a change that is acknowledged until a file shows it, on one daemon and from one to another through etcd. */
export async function benchDelay(): Promise<Figure[]> {
  if (!isEtcdThere) {
    console.log(
      'etcd is not in PATH: how long a change takes to another daemon is not measured (Debian: etcd-server, etcd-client)',
    );
    return [];
  }
  await using server = await EtcdServer.start();
  const keyFile = server.directory.at('shared.key');
  await createKeyFile(keyFile);
  await using alone = new Stage();
  await using one = new Stage();
  await using other = new Stage();
  await alone.startDaemon();
  const flags = ['--store', 'etcd', '--etcd-endpoints', server.member.clientUrl, '--key-file', keyFile];
  await Promise.all([one.startDaemon(...flags), other.startDaemon(...flags)]);
  const embedded = await visible(alone, alone);
  const shared = await visible(one, other);
  const bare = await bareEvents(server.member.clientUrl);
  const unit = percentile(bare, 0.5);
  const figures = (which: string, { fromAnswer, fromCall }: Delays, aim: number): Figure => {
    const [p50, p99] = [percentile(fromAnswer, 0.5), percentile(fromAnswer, 0.99)];
    return {
      what: `put acknowledged until the file shows it / bare etcd put until its watch event, ${which}, p50 and p99`,
      value: `${(p50 / unit).toFixed(2)} and ${(p99 / unit).toFixed(2)} (${ms(p50)}, ${ms(p99)}; from the call ${ms(percentile(fromCall, 0.5))})`,
      aim: `p50 <= ${aim}`,
      met: p50 / unit <= aim,
    };
  };
  return [
    {
      what: 'bare etcd put until its watch event, p50 and p99',
      value: `${ms(unit)}, ${ms(percentile(bare, 0.99))}`,
      aim: 'none',
      met: true,
    },
    figures('embedded, one daemon', embedded, 1),
    figures('etcd, from one daemon to another', shared, 4),
  ];
}

async function visible(writer: Stage, reader: Stage): Promise<Delays> {
  using writing = connect(writer.socket);
  using reading = connect(reader.socket);
  await apply(writing, 'first');
  const targetPath = reader.at('target');
  await reading.projector.mount({
    volumeId: 'delay',
    definition: { source: { secret: { secretName: 'delay' } } },
    targetPath,
  });
  const delays: Delays = { fromAnswer: [], fromCall: [] };
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const password = `round ${round}`;
    const seen = shows(`${targetPath}/password`, password);
    const called = performance.now();
    await apply(writing, password);
    const answered = performance.now();
    const at = await seen;
    if (round >= 0) {
      // The file may be there before the answer is.
      delays.fromAnswer.push(Math.max(0, at - answered));
      delays.fromCall.push(at - called);
    }
    await sleep(PAUSE_MS);
  }
  await reading.projector.unmount({ volumeId: 'delay', targetPath });
  return delays;
}

/** When the file held the contents, on the monotonic clock. It looks all the time. */
async function shows(path: string, contents: string): Promise<number> {
  const deadline = performance.now() + PATIENCE_MS;
  while (readFileSync(path, 'utf8') !== contents) {
    if (performance.now() > deadline) throw new Error(`"${path}" does not show the change`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return performance.now();
}

/** From the call of a put until the event of it has come over another connection: no code of ours. */
async function bareEvents(clientUrl: string): Promise<number[]> {
  const [writer, watcher] = [new Etcd3({ hosts: [clientUrl] }), new Etcd3({ hosts: [clientUrl] })];
  try {
    const key = Buffer.from('/bench/bare');
    const stream = await watcher.watchClient.watch();
    let onEvent = () => {};
    const isWatching = new Promise<void>((resolve) => {
      stream.on('data', ({ created, events }) => {
        if (created) resolve();
        if (events.length > 0) onEvent();
      });
    });
    stream.on('error', () => {});
    stream.write({ create_request: { key } });
    await isWatching;
    const times: number[] = [];
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      const came = new Promise<number>((resolve) => {
        onEvent = () => resolve(performance.now());
      });
      const called = performance.now();
      await writer.kv.put({ key, value: Buffer.alloc(VALUE_BYTES, `${round} `) });
      const at = await came;
      if (round >= 0) times.push(at - called);
      await sleep(PAUSE_MS);
    }
    stream.cancel();
    return times;
  } finally {
    writer.close();
    watcher.close();
  }
}

async function apply(client: LanternClient, password: string): Promise<void> {
  const data = { password: Buffer.from(password), padding: Buffer.alloc(VALUE_BYTES, 'x') };
  await client.objects.apply({ object: { metadata: { name: 'delay' }, secret: { data } } });
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}

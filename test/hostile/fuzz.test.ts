import { readdirSync, readFileSync, statSync } from 'node:fs';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { mountLines } from '../support/suite/leak-check.ts';
import { Random } from './random.ts';
import { METHODS, type Method } from './requests.ts';
import { isHostileRun, LASTING_MS, SEED, say } from './run.ts';
import { MARKER, SECRETS } from './values.ts';
import { Victim } from './victim.ts';

const CLIENTS_PER_SOCKET = 4;
const WORKERS = 16;
/**
 * What one turn of the event loop may keep the processor. One request may have 50 ms; a turn is several of them here,
 * since all that came while the one before was dealt with are dealt with in one, and a processor that others use as
 * well is slower. The figure is printed, with what was under way.
 */
const LONGEST_TURN_MS = 250;
/** Descriptors that the daemon opens once, when it first needs them. */
const SLACK = 8;
/** Methods with most code are called most. Methods that remove what others need are called seldom. */
const BUSY = /Mount|Publish|Unpublish|Unmount|Update|Apply|Render|Pod/;
const SELDOM = /RotateKey|Objects\/Delete|Refresh/;

/** A summary of the answers. */
type Tally = {
  readonly codes: Map<number, number>;
  /** Violations, a line each. */
  readonly complaints: Set<string>;
  readonly requests: Request[];
};

/** A request that was answered, with the times of day between which it was under way. */
type Request = { readonly path: string; readonly bytes: number; readonly from: number; readonly to: number };

describe.runIf(isHostileRun)('a daemon that gets every request (needs root)', () => {
  test('lives, answers in order, tells no secret, touches nothing else, and keeps nothing', async () => {
    await using daemon = new Victim('--log-level', 'trace');
    const client = await daemon.start();
    for (const name of SECRETS) {
      const data = { k: Buffer.from(`${MARKER}-${name}`), b: Buffer.from(MARKER) };
      await client.objects.apply({ object: { metadata: { name }, secret: { data } } });
    }
    await client.objects.apply({ object: { metadata: { name: 'cm0' }, configMap: { data: { k: 'plain' } } } });
    await client.objects.apply({ object: { metadata: { name: 'sa0' }, serviceAccount: {} } });
    const mountsBefore = mountLines();
    const before = daemon.holdings;

    const tally: Tally = { codes: new Map(), complaints: new Set(), requests: [] };
    daemon.watchTurns();
    const begun = performance.now();
    const requests = await fuzz(daemon, tally);
    const turn = daemon.longestTurn;
    const seconds = (performance.now() - begun) / 1_000;
    say(
      `fuzz: seed ${SEED}, ${requests.toLocaleString('en')} requests in ${seconds.toFixed(0)} s ` +
        `(${[...tally.codes].map(([code, count]) => `${status[code]} ${count}`).join(', ')}), ` +
        `${tally.complaints.size} complaints, longest turn of the event loop ${turn.ms} ms (under way: ${underWay(tally.requests, turn)})`,
    );

    expect(daemon.isAlive).toBe(true);
    expect([...tally.complaints]).toEqual([]);
    expect(readFileSync(daemon.logFile, 'latin1').includes(MARKER), 'the log holds a secret').toBe(false);
    expect(turn.ms).toBeLessThan(LONGEST_TURN_MS);
    expect(readdirSync(daemon.directory.at('outside'))).toEqual([]);
    expect(readFileSync(daemon.directory.at('targets/file'), 'utf8')).toBe('somebody else’s');
    expect(statSync(daemon.directory.at('home/data')).isDirectory()).toBe(true);
    const added = [...mountLines()].filter((line) => !mountsBefore.has(line) && line.includes(' - tmpfs lantern '));
    const places = new RegExp(`^${daemon.directory.path}/(?:targets|run/pools)/`);
    expect(added.map((line) => line.split(' ')[4] ?? '').filter((point) => !places.test(point))).toEqual([]);

    await daemon.unmountAll();
    // Idle pools wait for a while for the next volume of their namespace.
    await expect.poll(() => daemon.holdings.mounts, { timeout: 30_000 }).toBeLessThanOrEqual(before.mounts);
    await expect
      .poll(() => daemon.holdings.descriptors, { timeout: 30_000 })
      .toBeLessThanOrEqual(before.descriptors + SLACK);
  });
});

/** Resolves with the number of requests when the time is over, or when the daemon is. */
async function fuzz(daemon: Victim, tally: Tally): Promise<number> {
  const clients = daemon.sockets.flatMap((socket) =>
    Array.from(
      { length: CLIENTS_PER_SOCKET },
      () => new Client(`unix:${socket}`, credentials.createInsecure(), OPTIONS),
    ),
  );
  const until = performance.now() + LASTING_MS;
  let requests = 0;
  const worker = async () => {
    while (performance.now() < until && daemon.isAlive) {
      const number = requests++;
      // A generator of its own for each: what number 4711 was can be had again, whatever came in between.
      const random = new Random(SEED, number);
      const method = methodFor(random);
      const client = random.pick(clients);
      const request = method.request(random, daemon.targets);
      const from = Date.now();
      const { code, details } = await send(client, method, request, random);
      tally.requests.push({ path: method.path, bytes: request.length, from, to: Date.now() });
      tally.codes.set(code, (tally.codes.get(code) ?? 0) + 1);
      const complaint = complaintAbout(code, details);
      if (complaint !== undefined) tally.complaints.add(`request ${number}, ${method.path}: ${complaint}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: WORKERS }, worker));
    return requests;
  } finally {
    for (const client of clients) client.close();
  }
}

/** The largest of the requests that a turn may have been about, with their kilobytes. */
function underWay(requests: readonly Request[], turn: { readonly from: number; readonly to: number }): string {
  const meant = requests.filter(({ from, to }) => from <= turn.to && to >= turn.from);
  const largest = meant.sort((a, b) => b.bytes - a.bytes).slice(0, 5);
  return largest.map(({ path, bytes }) => `${path} of ${(bytes / 1_000).toFixed(1)} KB`).join(', ');
}

const OPTIONS = { 'grpc.default_authority': 'localhost', 'grpc.use_local_subchannel_pool': 1 };

function methodFor(random: Random): Method {
  const busy = METHODS.filter(({ path }) => BUSY.test(path));
  const method = random.pick(random.chance(0.45) ? busy : METHODS);
  return SELDOM.test(method.path) && random.chance(0.8) ? random.pick(busy) : method;
}

type Answer = { readonly code: number; readonly details: string };

function send(client: Client, { path, isStream }: Method, request: Buffer, random: Random): Promise<Answer> {
  const same = (bytes: Buffer) => bytes;
  const deadline = Date.now() + (isStream ? 100 : random.pick([20, 200, 5_000, 5_000, 5_000]));
  const cancelAfterMs = random.chance(0.05) ? random.below(5) : undefined;
  return new Promise((resolve) => {
    const over = (error: Answer | null) => resolve(error ?? { code: status.OK, details: '' });
    const call = isStream
      ? client
          .makeServerStreamRequest(path, same, same, request, new Metadata(), { deadline })
          .on('data', () => {})
          .on('error', (error) => over(error as Error & Answer))
          .on('end', () => over(null))
      : client.makeUnaryRequest(path, same, same, request, new Metadata(), { deadline }, over);
    if (cancelAfterMs !== undefined) setTimeout(() => call.cancel(), cancelAfterMs);
  });
}

/** The violation in an answer; undefined if there is none. */
function complaintAbout(code: number, details: string): string | undefined {
  if (details.includes(MARKER)) return `${status[code]} tells a secret: ${details}`;
  // Bytes that are not a message are refused below our handlers.
  const isUnreadable = /deserializ/.test(details);
  const isOurFault = code === status.INTERNAL || code === status.UNKNOWN;
  return isOurFault && !isUnreadable ? `${status[code]}: ${details.slice(0, 200)}` : undefined;
}

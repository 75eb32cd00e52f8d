import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { LanternClient } from '../../src/rpc/client.ts';
import { mountsBelow } from '../support/projection/daemon-harness.ts';
import { versionOf, versionText } from '../support/volume/versioned-payload.ts';
import { VolumeWatcher } from '../support/volume/volume-watcher.ts';
import { Random } from './random.ts';
import { isHostileRun, LASTING_MS, SEED, say } from './run.ts';
import { Victim } from './victim.ts';

const SECRETS = 6;
/** Volumes that stay, which another process watches all the time. */
const WATCHED = 8;
/** Volumes that come and go. */
const PASSING = 8;
const KEYS = ['a', 'b', 'c'];
/** A daemon is killed within so much time after it serves, in milliseconds; now and then while it still begins. */
const LIFE_MS = 300;
const SHORT_LIFE_MS = 10;

const secretName = (secret: number) => `s${secret}`;
/** A directory per Secret, each of one version. */
const projected = (volume: number) => ({
  source: {
    projected: {
      sources: [volume % SECRETS, (volume + 1) % SECRETS].map((secret) => ({
        secret: { name: secretName(secret), items: KEYS.map((key) => ({ key, path: `${secretName(secret)}/${key}` })) },
      })),
    },
  },
});

/** The requests to the daemons and their answers. There is no other writer. */
class Ledger {
  readonly sent = Array<number>(SECRETS).fill(0);
  readonly acknowledged = Array<number>(SECRETS).fill(0);
  /** By passing volume; undefined where the daemon ended before it answered. */
  readonly isMounted = Array<boolean | undefined>(PASSING).fill(false);
  /** Violations, a line each. */
  readonly losses: string[] = [];

  get writes(): number {
    return this.acknowledged.reduce((sum, version) => sum + version, 0);
  }

  async write(client: LanternClient, secret: number): Promise<void> {
    const version = (this.sent[secret] ?? 0) + 1;
    this.sent[secret] = version;
    const data = Object.fromEntries(KEYS.map((key) => [key, Buffer.from(versionText(version))]));
    await client.objects.apply({ object: { metadata: { name: secretName(secret) }, secret: { data } } });
    this.acknowledged[secret] = version;
  }

  /** Mounts the volume where it is not mounted, and unmounts it where it is. */
  async toggle(client: LanternClient, volume: number, targets: string): Promise<void> {
    const where = { volumeId: `passing-${volume}`, targetPath: join(targets, `passing-${volume}`) };
    const wasMounted = this.isMounted[volume];
    this.isMounted[volume] = undefined;
    if (wasMounted === true) await client.projector.unmount(where);
    else await client.projector.mount({ ...where, definition: projected(volume) });
    this.isMounted[volume] = wasMounted !== true;
  }
}

describe.runIf(isHostileRun)('a daemon that is killed over and over under load (needs root)', () => {
  test('loses nothing, never shows a torn set, and takes over every volume', async () => {
    await using daemon = new Victim('--log-level', 'warn');
    const random = new Random(SEED);
    const ledger = new Ledger();
    const watched = join(daemon.targets, 'watched');
    mkdirSync(watched);
    let client = await daemon.start();
    for (let secret = 0; secret < SECRETS; secret++) await ledger.write(client, secret);
    const mountWatched = (volume: number) =>
      client.projector.mount({
        volumeId: `watched-${volume}`,
        definition: projected(volume),
        targetPath: join(watched, String(volume)),
      });
    for (let volume = 0; volume < WATCHED; volume++) await mountWatched(volume);
    await using watcher = await VolumeWatcher.of(watched);

    let kills = 0;
    const begun = performance.now();
    for (; performance.now() - begun < LASTING_MS; kills++) {
      let isOver = false;
      // Each has what it works on for itself, so that the ledger is never of two minds.
      const workers = [0, 1, 2].map(async (worker) => {
        const own = new Random(SEED, kills, worker);
        while (!isOver) {
          const secret = worker * 2 + own.below(2);
          const volume = worker + 3 * own.below(Math.floor((PASSING - worker + 2) / 3));
          if (own.chance(0.5)) await ledger.write(client, secret);
          else if (own.chance(0.7)) await ledger.toggle(client, volume, daemon.targets);
          else await mountWatched(own.below(WATCHED));
        }
      });
      // Calls in progress fail with the daemon; the ledger leaves their result open.
      const storm = Promise.allSettled(workers);
      await sleep(random.below(kills % 4 === 0 ? SHORT_LIFE_MS : LIFE_MS));
      await daemon.kill();
      isOver = true;
      await storm;
      client = await daemon.start();
      await compare(ledger, daemon, client, `after kill ${kills + 1}`);
    }
    const { complaints, sightings } = await watcher.report();
    say(
      `kill: seed ${SEED}, ${kills} SIGKILLs in ${((performance.now() - begun) / 1_000).toFixed(0)} s, ` +
        `${ledger.writes.toLocaleString('en')} writes acknowledged, ${sightings.length.toLocaleString('en')} seen by a reader, ` +
        `${complaints.length} torn or reversed, ${ledger.losses.length} lost`,
    );
    expect(kills).toBeGreaterThan(0);
    expect(complaints).toEqual([]);
    expect(ledger.losses).toEqual([]);
    for (const secret of ledger.sent.keys()) await ledger.write(client, secret);
    await expect.poll(() => versionsIn(watched)).toEqual(expectedIn(ledger));
  });
});

/** Adds to the losses what the new daemon does not know, or knows though it is gone. */
async function compare(ledger: Ledger, daemon: Victim, client: LanternClient, when: string): Promise<void> {
  const lost = (what: string) => ledger.losses.push(`${when}: ${what}`);
  for (const [secret, version] of ledger.acknowledged.entries()) {
    const ref = { kind: 'Secret', namespace: 'default', name: secretName(secret) };
    const { object } = await client.objects.get({ ref, withData: true });
    const found = versionOf(object?.secret?.data.a?.toString() ?? '') ?? -1;
    const sent = ledger.sent[secret] ?? 0;
    if (found < version || found > sent) lost(`${ref.name} is ${found}, acknowledged was ${version}, sent ${sent}`);
    // A write without an answer counts from now on, because a reader may have seen it.
    ledger.acknowledged[secret] = Math.max(found, version);
  }
  const listed = new Set((await client.projector.listVolumes({})).volumes.map(({ volumeId }) => volumeId));
  const mounts = mountsBelow(daemon.targets).map((line) => line.split(' ')[4]);
  const check = (id: string, target: string, isMounted: boolean) => {
    if (listed.has(id) !== isMounted) lost(`${id} is ${listed.has(id) ? '' : 'not '}listed`);
    const count = mounts.filter((point) => point === target).length;
    if (count !== Number(isMounted)) lost(`${target} has ${count} mounts`);
    if (existsSync(target) !== isMounted) lost(`${target} is ${existsSync(target) ? '' : 'not '}there`);
  };
  for (let volume = 0; volume < WATCHED; volume++) {
    check(`watched-${volume}`, join(daemon.targets, 'watched', String(volume)), true);
  }
  for (const [volume, isMounted] of ledger.isMounted.entries()) {
    const target = join(daemon.targets, `passing-${volume}`);
    if (isMounted !== undefined) check(`passing-${volume}`, target, isMounted);
  }
}

/** The version that each directory of each watched volume shows. */
function versionsIn(watched: string): Record<string, number | undefined> {
  const found = readdirSync(watched).flatMap((volume) =>
    readdirSync(join(watched, volume))
      .filter((name) => !name.startsWith('.'))
      .map((name) => [`${volume}/${name}`, versionOf(readFileSync(join(watched, volume, name, 'a'), 'utf8'))]),
  );
  return Object.fromEntries(found);
}

function expectedIn(ledger: Ledger): Record<string, number | undefined> {
  const places = Array.from({ length: WATCHED }, (_, volume) =>
    [volume % SECRETS, (volume + 1) % SECRETS].map((secret) => [
      `${volume}/${secretName(secret)}`,
      ledger.sent[secret],
    ]),
  );
  return Object.fromEntries(places.flat());
}

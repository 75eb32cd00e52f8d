import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EtcdFleet, shownBy } from '../support/etcd/etcd-fleet.ts';
import { healthy, leaderOf } from '../support/etcd/etcd-members.ts';
import { EtcdServer, isEtcdThere } from '../support/etcd/etcd-server.ts';
import { stalenessOf, summaryOf, UpdateStream } from '../support/volume/update-stream.ts';
import { VolumeWatcher } from '../support/volume/volume-watcher.ts';

const OBJECTS = 200;
/** 10,000 updates. */
const ROUNDS = 50;
const PER_SECOND = 150;
const NODES = 3;
/** For the daemons' turn: 2,000 updates. */
const FEW_OBJECTS = 40;
/**
 * A member that falls silent without a word is found out after 15 seconds; then the nodes come back at random times.
 */
const LONGEST_STALENESS_MS = 30_000;
const TIMEOUT_MS = 240_000;

const objectAt = (place: string) => Number(basename(place).slice(1));

describe.runIf(isEtcdThere)('three members of etcd and three nodes (needs etcd)', () => {
  let server: EtcdServer;
  beforeAll(async () => {
    server = await EtcdServer.start({ members: 3 });
  }, 60_000);
  afterAll(() => server?.[Symbol.asyncDispose]());

  test(`${OBJECTS * ROUNDS} updates while members are killed and frozen: none is lost, reversed or torn, and every file follows`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    await using fleet = await EtcdFleet.start(server, '/stream', OBJECTS);
    for (let node = 0; node < NODES; node++) await fleet.addNode();
    await using watcher = await VolumeWatcher.of(...fleet.nodes.map(({ targets }) => targets));
    const stream = new UpdateStream({
      objects: OBJECTS,
      rounds: ROUNDS,
      perSecond: PER_SECOND,
      write: (object, version) => fleet.writeByNode(object, version),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });

    await stream.reached(0.1);
    const leader = await leaderOf(server);
    const leaderKilledAt = Date.now();
    await leader.kill();
    await stream.reached(0.25);
    const leaderBackAt = Date.now();
    leader.start();
    await healthy(leader);
    await stream.reached(0.35);
    const next = await leaderOf(server);
    const other = server.members.find((member) => member !== next && member !== leader) ?? leader;
    await other.kill();
    await stream.reached(0.5);
    other.start();
    await healthy(other);
    await stream.reached(0.6);
    const frozen = await leaderOf(server);
    const frozenAt = Date.now();
    frozen.freeze();
    await stream.reached(0.9);
    const thawedAt = Date.now();
    frozen.thaw();
    await stream.finished;
    await fleet.caughtUp();

    const report = await watcher.report();
    const all = stalenessOf(stream.acknowledged, report.sightings, objectAt);
    console.info('staleness after the acknowledgement, ms', {
      all: summaryOf(all),
      leaderKilled: summaryOf(all, leaderKilledAt, leaderBackAt),
      leaderFrozen: summaryOf(all, frozenAt, thawedAt),
      withoutAcknowledgementAfterKill: stream.longestSilence(leaderKilledAt - 1, leaderBackAt),
      withoutAcknowledgementAfterFreeze: stream.longestSilence(frozenAt - 1, thawedAt),
      attemptsThatFailed: stream.failures,
      secondsOfStream: (Date.now() - (stream.acknowledged[0]?.at ?? 0)) / 1_000,
      watcherPause: report.longestPauseMs,
    });
    expect(report.complaints).toEqual([]);
    expect(all).toHaveLength(OBJECTS * ROUNDS * NODES);
    expect(summaryOf(all).longest).toBeLessThan(LONGEST_STALENESS_MS);
    // Created once and written once for each version: no acknowledged write is missing, none was carried out twice.
    expect(await fleet.writesInEtcd()).toEqual(Array.from({ length: OBJECTS }, () => ROUNDS + 1));
    expect(await fleet.differences()).toEqual([]);
  });

  test('each daemon killed at any moment while updates flow: its mounts stay, and it catches up', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await using fleet = await EtcdFleet.start(server, '/killed', FEW_OBJECTS);
    for (let node = 0; node < NODES; node++) await fleet.addNode();
    const mounts = fleet.nodes.map((node) => node.mounts());
    await using watcher = await VolumeWatcher.of(...fleet.nodes.map(({ targets }) => targets));
    const stream = new UpdateStream({
      objects: FEW_OBJECTS,
      rounds: ROUNDS,
      perSecond: PER_SECOND,
      write: (object, version) => fleet.writeByNode(object, version),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const lives: { readonly ready: number; readonly caughtUp: number }[] = [];
    for (const [index, node] of [...fleet.nodes, ...fleet.nodes].entries()) {
      await stream.reached(0.05 + 0.12 * index);
      await node.kill();
      // Nobody serves it now, and everything can be read.
      expect(node.mounts()).toEqual(mounts[index % NODES]);
      expect(shownBy(node).size).toBe(FEW_OBJECTS);
      await stream.reached(0.11 + 0.12 * index);
      const began = Date.now();
      const written = stream.versions();
      await node.begin();
      const ready = Date.now() - began;
      await fleet.shows(node, written);
      lives.push({ ready, caughtUp: Date.now() - began });
    }
    await stream.finished;
    await fleet.caughtUp();
    const report = await watcher.report();
    console.info('from the start of a killed daemon until it is ready, and shows what was written before, ms', lives);
    expect(report.complaints).toEqual([]);
    expect(fleet.nodes.map((node) => node.mounts())).toEqual(mounts);
    expect(await fleet.writesInEtcd()).toEqual(Array.from({ length: FEW_OBJECTS }, () => ROUNDS + 1));
  });
});

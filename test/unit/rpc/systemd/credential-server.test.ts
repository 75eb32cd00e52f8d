import { chmodSync, closeSync, statSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { type ObjectDraft, SIGNING_KEYS, type UnitCredential } from '../../../../src/objects/object.ts';
import { EventLog } from '../../../../src/projection/events/event-log.ts';
import { CredentialServer, readPeerName } from '../../../../src/rpc/systemd/credential-server.ts';
import { connectionLimits, RefusedConnections } from '../../../../src/rpc/transport/connection-limits.ts';
import { MemoryStore } from '../../../../src/stores/kept/memory-store.ts';
import { connectFrom, MAX_CREDENTIAL, peerName, readCredential } from '../../../support/host/credential-reader.ts';
import { isRoot, NOBODY } from '../../../support/host/privileges.ts';
import { configMapDraft, credential, secretDraft, unitCredentialsDraft } from '../../../support/objects/builders.ts';
import { ManualClock } from '../../../support/suite/clocks.ts';
import { LogLines } from '../../../support/suite/log-lines.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const NEVER = new AbortController().signal;
/** Must be in no log, event or refusal. */
const PLANTED = 'hunter2-planted';
const BYTES = Uint8Array.of(0, 255, 10, 0);

class World implements AsyncDisposable {
  readonly directory = new TempDir('/dev/shm');
  readonly path = this.directory.at('credentials.sock');
  readonly store = new MemoryStore();
  readonly log = new LogLines();
  readonly events = new EventLog({ clock: systemClock });
  readonly results: string[] = [];
  readonly server: CredentialServer;

  private constructor(store: MemoryStore, clock = systemClock) {
    this.server = new CredentialServer({
      store,
      events: this.events,
      limits: connectionLimits(1_024).credentials,
      refused: new RefusedConnections(this.log.log, clock),
      onAnswer: (result) => void this.results.push(result),
      clock,
      log: this.log.log,
    });
    this.store = store;
  }

  static async start({ store = new MemoryStore(), clock = systemClock } = {}): Promise<World> {
    const world = new World(store, clock);
    await world.server.listen(world.path);
    return world;
  }

  async apply(...drafts: readonly ObjectDraft[]): Promise<void> {
    for (const draft of drafts) await this.store.apply(draft, { createOnly: false, dryRun: false }, NEVER);
  }

  async read(unit: string, name: string): Promise<Buffer> {
    return await readCredential(this.path, peerName(unit, name));
  }

  eventLines(): string[] {
    return this.events.list({}).map(({ involved, type, reason, message }) => {
      return `${involved.kind} ${involved.namespace}/${involved.name} ${involved.fieldPath}: ${type} ${reason}: ${message}`;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    this.directory[Symbol.dispose]();
  }
}

const units = (name: string, pattern: string, credentials: readonly UnitCredential[], namespace = 'default') =>
  unitCredentialsDraft(name, { units: [pattern], credentials }, { namespace });

/** More than systemd takes, and nothing else than the reason. */
function expectRefusal(answer: Buffer, reason: RegExp): void {
  expect(answer.length).toBeGreaterThan(MAX_CREDENTIAL);
  expect(new Set(answer.toString().split('\n').slice(0, -1)).size).toBe(1);
  expect(answer.toString().slice(0, 1_000)).toMatch(reason);
}

describe('a unit gets', () => {
  test.each([
    ['the bytes of a Secret', credential('c', { key: 'bytes' }), BYTES],
    ['an empty value', credential('c', { key: 'empty' }), Buffer.from('')],
    [
      'a text of a ConfigMap',
      credential('c', { kind: 'ConfigMap', name: 'app', key: 'motd' }),
      Buffer.from('grüezi\n'),
    ],
    ['the bytes of a ConfigMap', credential('c', { kind: 'ConfigMap', name: 'app', key: 'logo' }), BYTES],
    ['the largest value', credential('c', { key: 'large' }), Buffer.alloc(MAX_CREDENTIAL - 100, 'x')],
  ])('%s', async (_, of, expected) => {
    await using world = await World.start();
    await world.apply(
      secretDraft('db', { bytes: BYTES, empty: '', large: Buffer.alloc(MAX_CREDENTIAL - 100, 'x') }),
      configMapDraft('app', { motd: 'grüezi\n', logo: BYTES }),
      units('u', 'web@*.service', [credential('other'), of]),
    );
    expect(Buffer.compare(await world.read('web@1.service', 'c'), expected)).toBe(0);
    expect({ results: world.results, events: world.eventLines() }).toEqual({ results: ['served'], events: [] });
  });

  test('what is there when it asks, of the namespace of its UnitCredentials', async () => {
    await using world = await World.start();
    const secret = (password: string, namespace: string) =>
      secretDraft('db', { password }, { metadata: { namespace } });
    await world.apply(
      secret('default', 'default'),
      secret('first', 'team-a'),
      units('u', '*.service', [credential('db')], 'team-a'),
    );
    expect((await world.read('a.service', 'db')).toString()).toBe('first');
    await world.apply(secret('second', 'team-a'));
    expect((await world.read('a.service', 'db')).toString()).toBe('second');
    expect(await world.log.line('gets its credential')).toContain('Secret team-a/db, key "password"');
    expect(world.log.lines.join()).not.toMatch(/first|second/);
  });

  test.each([
    ['the Secret', credential('db', { name: 'none', optional: true }), 'Secret default/none does not exist'],
    ['the key', credential('db', { key: 'none', optional: true }), 'Secret default/db has no key "none"'],
  ])('nothing where %s is missing and optional, with an event', async (_, of, why) => {
    await using world = await World.start();
    await world.apply(secretDraft('db', { password: PLANTED }), units('u', 'a.service', [of]));
    expect(await world.read('a.service', 'db')).toEqual(Buffer.alloc(0));
    expect(world.results).toEqual(['empty']);
    expect(world.eventLines()).toEqual([
      `UnitCredentials default/u spec.credentials{db}: Normal CredentialEmpty: credential "db" of unit "a.service" is empty: ${why}, and it is optional`,
    ]);
  });
});

describe('a unit is refused', () => {
  const mapped = 'UnitCredentials default/u spec.credentials{db}: Warning';
  const unmapped = 'Unit default/a.service : Warning';
  test.each([
    [
      'whose Secret is missing',
      [units('u', 'a.service', [credential('db', { name: 'none' })])],
      'missing',
      [/^Secret default\/none does not exist; apply it/],
      [`${mapped} CredentialMissing`],
    ],
    [
      'whose key is missing',
      [units('u', 'a.service', [credential('db', { key: 'none' })])],
      'missing',
      [/^Secret default\/db has no key "none"; apply it/],
      [`${mapped} CredentialMissing`],
    ],
    [
      'that nothing maps',
      [units('u', 'b.service', [credential('db')])],
      'missing',
      [/^no UnitCredentials have it/],
      [`${unmapped} CredentialMissing`],
    ],
    [
      'whose credential nothing maps',
      [units('u', 'a.service', [credential('DB')])],
      'missing',
      [/^no UnitCredentials have it/],
      [`${unmapped} CredentialMissing`],
    ],
    [
      'that two objects map',
      [units('u', 'a.service', [credential('db')]), units('v', '*.service', [credential('db')], 'team-a')],
      'ambiguous',
      [/^several .*: default\/u, team-a\/v; remove/],
      [
        `${unmapped} CredentialAmbiguous`,
        `${mapped} CredentialAmbiguous`,
        'UnitCredentials team-a/v spec.credentials{db}: Warning CredentialAmbiguous',
      ],
    ],
    [
      'that asks for the signing keys',
      [units('u', 'a.service', [credential('db', { name: SIGNING_KEYS.name })], SIGNING_KEYS.namespace)],
      'failed',
      [/^read Secret lantern-system\/.*never projected/],
      [`${unmapped} CredentialFailed`],
    ],
  ])('%s', async (_, drafts, result, [reason = /never/], events) => {
    await using world = await World.start();
    await world.apply(secretDraft('db', { password: PLANTED }), ...drafts);
    const answer = await world.read('a.service', 'db');
    const opening = 'Lantern has no credential "db" for unit "a.service": ';
    expectRefusal(answer, new RegExp(`^${opening}${reason.source.slice(1)}`));
    expect(world.results).toEqual([result]);
    expect(world.eventLines()).toEqual(
      events.map((event) => expect.stringContaining(`${event}: credential "db" of unit "a.service": `)),
    );
    expect(await world.log.line('does not get its credential')).toMatch(/WARN.* unit=a\.service credential=db/);
    expect([answer.toString(), ...world.log.lines, ...world.eventLines()].join()).not.toContain(PLANTED);
  });

  test('that waits for the store when the daemon ends', async () => {
    const clock = new ManualClock();
    const world = await World.start({ store: new MemoryStore({ ready: false }), clock });
    const answer = world.read('a.service', 'db');
    await vi.waitFor(() => expect(clock.pending).toBe(2));
    await world[Symbol.asyncDispose]();
    expectRefusal(await answer, /the daemon is shutting down/);
  });

  test('for which the store has no answer in time', async () => {
    const clock = new ManualClock();
    await using world = await World.start({ store: new MemoryStore({ ready: false }), clock });
    const answer = world.read('a.service', 'db');
    await vi.waitFor(() => expect(clock.pending).toBe(2));
    clock.advance(20_000);
    expectRefusal(await answer, /the store did not answer within 20 s/);
  });
});

describe('a connection is closed without a word', () => {
  test.each([
    ['from no name', () => ''],
    ['from a name of another protocol', () => peerName('a.service', 'db').replace('/unit/', '-')],
    ['for a generator', () => peerName('a.service', 'db').replace('unit', 'generator')],
    ['for a unit with a slash', () => peerName('a/b.service', 'db')],
  ])('%s', async (_, nameOf) => {
    await using world = await World.start();
    await world.apply(secretDraft('db', { password: PLANTED }), units('u', '*.service', [credential('db')]));
    expect(await readCredential(world.path, nameOf())).toEqual(Buffer.alloc(0));
    expect(await world.log.line('refused')).toContain('reason=name');
    expect(world.results).toEqual([]);
  });

  test.runIf(isRoot)('for another user, whatever the mode of the socket (needs root)', async () => {
    await using world = await World.start();
    await world.apply(secretDraft('db', { password: PLANTED }), units('u', '*.service', [credential('db')]));
    chmodSync(world.directory.path, 0o755);
    chmodSync(world.path, 0o666);
    // The kernel notes the user who connects.
    process.seteuid?.(NOBODY);
    let answer: Promise<Buffer>;
    try {
      answer = world.read('a.service', 'db');
    } finally {
      process.seteuid?.(0);
    }
    expect(await answer).toEqual(Buffer.alloc(0));
    expect(await world.log.line('refused')).toContain(`reason=permission peer="uid ${NOBODY}`);
  });

  test('that does not read its answer', async () => {
    const clock = new ManualClock();
    await using world = await World.start({ clock });
    const fd = connectFrom(peerName('a.service', 'db'), world.path);
    await world.log.line('does not get');
    clock.advance(30_000);
    expect(await world.log.line('refused')).toContain('reason=unresponsive');
    closeSync(fd);
  });
});

test('the socket is for its owner, and is gone at the end', async () => {
  const world = await World.start();
  expect(statSync(world.path).mode & 0o777).toBe(0o600);
  await world.server[Symbol.asyncDispose]();
  expect(() => statSync(world.path)).toThrow('ENOENT');
  world.directory[Symbol.dispose]();
});

test.each([
  ['\x00f/unit/a.service/db', { unit: 'a.service', credential: 'db' }],
  ['\x000123456789abcdef/unit/srv-a\\x2db.mount/a=b', { unit: 'srv-a\\x2db.mount', credential: 'a=b' }],
  ['0123456789abcdef/unit/a.service/db', undefined],
  ['\x000123456789abcdef0/unit/a.service/db', undefined],
  ['\x00f/unit/a.service/', undefined],
  ['\x00f/unit//db', undefined],
  ['\x00f/unit/a.service/a:b', undefined],
  ['\x00f/unit/a.service/db\n', undefined],
])('%j is read as %j', (name, request) => {
  expect(readPeerName(Buffer.from(name))).toEqual(request);
});

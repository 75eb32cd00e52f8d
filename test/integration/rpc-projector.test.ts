import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DaemonHarness, mountsBelow } from '../support/projection/daemon-harness.ts';
import { rejectionOf, rejectionOfStream } from '../support/suite/expectations.ts';

const WHOLE = { source: { secret: { secretName: 'db' } } };
/** Looks like a secret, is sent where secrets go, and must never come back. */
const PLANTED = 'hunter2-planted';

let harness: DaemonHarness;
let standing: unknown;

/** The volume that is mounted all the while, the mount table, and what lies where targets are. */
async function world(): Promise<unknown> {
  const { volumes } = await harness.client.projector.listVolumes({});
  const target = harness.target('standing');
  return {
    volumes,
    mounts: mountsBelow(harness.directory.path),
    targets: readdirSync(harness.directory.at('targets')),
    password: readFileSync(`${target}/password`, 'utf8'),
    tree: readdirSync(target, { recursive: true }).sort(),
  };
}

beforeAll(async () => {
  harness = await DaemonHarness.start();
  await harness.applySecret('db', { username: 'admin', password: PLANTED });
  const targetPath = harness.target('standing');
  await harness.client.projector.mount({ volumeId: 'standing', definition: WHOLE, targetPath });
  standing = await world();
});

afterEach(async () => {
  expect(await world()).toEqual(standing);
  expect(harness.logLines.join('')).not.toContain(PLANTED);
});

afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

type Refusal = readonly [name: string, change: object, message: RegExp, code?: string];

/** Every one of them is sent as a change to the valid request, and refused with that message. */
function refuses(valid: () => object, call: (request: object) => Promise<Error>, table: readonly Refusal[]): void {
  for (const [name, change, message, code = 'invalid-argument'] of table) {
    it(name, async () => {
      const error = await call({ ...valid(), ...change });
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
      expect(error.message).not.toContain(PLANTED);
    });
  }
}

const secretWith = (fields: object) => ({ definition: { source: { secret: { secretName: 'db', ...fields } } } });
const projecting = (...sources: object[]) => ({ definition: { source: { projected: { sources } } } });
const showing = (...items: object[]) => ({ definition: { source: { downwardApi: { items } } } });

/** What Mount and RenderVolume have in common. */
const CONTENTS: readonly Refusal[] = [
  ['a namespace that is no name', { namespace: 'No/Name' }, /^namespace: must be a DNS-1123 label/],
  ['no definition', { definition: null }, /^definition: is required: give a source or/],
  ['an empty definition', { definition: {} }, /^definition: is required: give a source or/],
  ['a source of no kind', { definition: { source: {} } }, /^definition\.source: must have exactly one of .*none/],
  [
    'a named volume that is no name',
    { definition: { projectedVolume: 'A B' } },
    /^definition\.projected_volume: must be/,
  ],
  ['a Secret without a name', secretWith({ secretName: '' }), /^definition\.source\.secret\.secretName: /],
  ['a mode beyond 0777', secretWith({ defaultMode: 0o1000 }), /^definition\.source\.secret\.defaultMode: .*0777/],
  ['a negative mode', secretWith({ defaultMode: -1 }), /^definition\.source\.secret\.defaultMode: /],
  ['a negative owner', secretWith({ defaultUser: -1 }), /^definition\.source\.secret\.defaultUser: /],
  ['an item without a key', secretWith({ items: [{ path: 'a' }] }), /^definition\.source\.secret\.items\[0\]\.key: /],
  [
    'a path that climbs',
    secretWith({
      items: [
        { key: 'username', path: 'a' },
        { key: 'password', path: 'b/../../c' },
      ],
    }),
    /^definition\.source\.secret\.items\[1\]\.path: must not contain '\.\.'$/,
  ],
  [
    'an absolute path',
    secretWith({ items: [{ key: 'password', path: '/etc/passwd' }] }),
    /^definition\.source\.secret\.items\[0\]\.path: must be a relative path$/,
  ],
  [
    'two items of a projection at one path',
    projecting({
      secret: {
        name: 'db',
        items: [
          { key: 'username', path: 'a' },
          { key: 'password', path: 'a' },
        ],
      },
    }),
    /^definition\.source\.projected\.sources\[0\]\.secret\.items\[1\]\.path: /,
  ],
  [
    'a path that another item needs as a directory',
    secretWith({
      items: [
        { key: 'username', path: 'a' },
        { key: 'password', path: 'a/b' },
      ],
    }),
    /^definition\.source\.secret\.items\[1\]\.path: /,
  ],
  [
    'a projection of two kinds',
    projecting({ secret: { name: 'db' }, configMap: { name: 'c' } }),
    /^definition\.source\.projected\.sources\[0\]: must have exactly one of .*secret and configMap are there/,
  ],
  [
    'a token that hardly lives',
    projecting({ serviceAccountToken: { path: 't', expirationSeconds: 5 } }),
    /^definition\.source\.projected\.sources\[0\]\.serviceAccountToken\.expirationSeconds: .*600/,
  ],
  [
    'a fact that pods do not have',
    showing({ path: 'a', fieldRef: { fieldPath: 'spec.nodeName' } }),
    /^definition\.source\.downwardAPI\.items\[0\]\.fieldRef\.fieldPath: must be one of metadata\.name/,
  ],
  [
    'an amount that is no quantity',
    { pod: { name: 'p', containers: [{ name: 'c', limits: { cpu: 'much' } }] } },
    /^pod\.containers\[0\]\.limits\[cpu\]: /,
  ],
  ['a negative mount group', { mountGroup: -1 }, /^mount_group: must be between 0 and 4294967294$/],
  ['a mount group that means "as it is"', { mountGroup: 2 ** 32 - 1 }, /^mount_group: must be between/],
  ['a data key that is a path', { data: { 'a/b': Buffer.from(PLANTED) } }, /^data\[a\/b\]: a key has letters/],
  ['a data key that climbs', { data: { '..': Buffer.from(PLANTED) } }, /^data\[\.\.\]: /],
];

describe('Mount refuses', () => {
  refuses(
    () => ({
      volumeId: 'new',
      definition: WHOLE,
      targetPath: harness.target('new'),
      tokens: { a: { token: PLANTED } },
    }),
    (request) => rejectionOf(harness.client.projector.mount(request)),
    [
      ...CONTENTS,
      ['no volume id', { volumeId: '' }, /^volume_id: is required$/],
      ['a long volume id', { volumeId: 'v'.repeat(129) }, /^volume_id: must be no more than 128 bytes$/],
      ['a volume id of 43 three-byte characters', { volumeId: '☂'.repeat(43) }, /^volume_id: must be no more than 128/],
      ['a volume id with a line end', { volumeId: 'a\nb' }, /^volume_id: must not contain control characters$/],
      ['no target', { targetPath: '' }, /^target_path: is required$/],
      ['a relative target', { targetPath: 'targets/new' }, /^target_path: must be an absolute path$/],
      ['a target with a NUL byte', { targetPath: '/dev/shm/a\0b' }, /^target_path: must not contain a NUL byte$/],
      ['the root as target', { targetPath: '/' }, /"\/"/],
      ['a target with contents', { targetPath: '/etc' }, /"\/etc"/, 'failed-precondition'],
      ['a sub path that climbs', { subPath: '../x' }, /^sub_path: must not contain '\.\.'$/],
      ['an absolute sub path', { subPath: '/x' }, /^sub_path: must be a relative path$/],
      ["a sub path to the writer's own", { subPath: '..data' }, /^sub_path: must not start with '\.\.'$/],
      [
        'a Secret that is not there',
        { definition: { source: { secret: { secretName: 'no' } } } },
        /Secret.*no/,
        'failed-precondition',
      ],
      [
        'a ProjectedVolume that is not there',
        { definition: { projectedVolume: 'no' } },
        /ProjectedVolume.*no/,
        'failed-precondition',
      ],
      ['a key that is not there', secretWith({ items: [{ key: 'no', path: 'a' }] }), /no/, 'failed-precondition'],
      [
        'the volume in another namespace',
        { volumeId: 'standing', namespace: 'other' },
        /namespace "default"/,
        'already-exists',
      ],
    ],
  );

  it('all that is wrong at once, each fault with its field', async () => {
    const error = await rejectionOf(
      harness.client.projector.mount({
        volumeId: '',
        namespace: 'No/Name',
        targetPath: 'relative',
        subPath: '../up',
        mountGroup: -1,
        data: { 'a b': Buffer.from(PLANTED) },
        ...secretWith({ defaultMode: 4096, items: [{ key: '', path: '/abs' }] }),
      }),
    );
    const fields = error.message.split('; ').map((fault) => fault.split(': ')[0]);
    expect(fields).toEqual([
      'volume_id',
      'sub_path',
      'target_path',
      'namespace',
      'definition.source.secret.items[0].key',
      'definition.source.secret.items[0].path',
      'definition.source.secret.defaultMode',
      'data[a b]',
      'mount_group',
    ]);
  });

  it('another sub path at the target of a volume that is mounted', async () => {
    const request = {
      volumeId: 'standing',
      definition: WHOLE,
      targetPath: harness.target('standing'),
      subPath: 'password',
    };
    const error = await rejectionOf(harness.client.projector.mount(request));
    expect(error).toMatchObject({ code: 'already-exists', message: expect.stringContaining('subPath') });
  });
});

describe('Unmount refuses', () => {
  refuses(
    () => ({ volumeId: 'standing', targetPath: harness.target('standing') }),
    (request) => rejectionOf(harness.client.projector.unmount(request)),
    [
      ['no volume id', { volumeId: '' }, /^volume_id: is required$/],
      ['a long volume id', { volumeId: 'v'.repeat(129) }, /^volume_id: must be no more than 128 bytes$/],
      ['a relative target', { targetPath: 'standing' }, /^target_path: must be an absolute path$/],
      ['all of it at once', { volumeId: '', targetPath: 'standing' }, /^volume_id: is required; target_path: must be/],
    ],
  );

  it('nothing of a volume or a target that is not there', async () => {
    const { projector } = harness.client;
    expect(await projector.unmount({ volumeId: 'never' })).toEqual({});
    expect(await projector.unmount({ volumeId: 'never', targetPath: harness.target('never') })).toEqual({});
    expect(await projector.unmount({ volumeId: 'standing', targetPath: harness.target('never') })).toEqual({});
  });
});

describe('Update refuses', () => {
  refuses(
    () => ({ volumeId: 'standing', definition: WHOLE }),
    (request) => rejectionOf(harness.client.projector.update(request)),
    [
      ['no volume id', { volumeId: '' }, /^volume_id: is required$/],
      ['a volume that is not mounted', { volumeId: 'never' }, /"never"/, 'not-found'],
      ['an empty definition', { definition: {} }, /^definition: is required/],
      [
        'a path that climbs',
        secretWith({ items: [{ key: 'a', path: '..' }] }),
        /^definition\.source\.secret\.items\[0\]\.path: /,
      ],
      ['a data key that is a path', { data: { data: { 'a/b': Buffer.from(PLANTED) } } }, /^data\.data\[a\/b\]: /],
      [
        'a Secret that is not there',
        { definition: { source: { secret: { secretName: 'no' } } } },
        /no/,
        'failed-precondition',
      ],
      [
        'all of it at once',
        { volumeId: '', definition: {}, data: { data: { '..': Buffer.from(PLANTED) } } },
        /^volume_id: .*; definition: .*; data\.data\[\.\.\]: /,
      ],
    ],
  );
});

describe('GetVolume refuses', () => {
  refuses(
    () => ({ volumeId: 'standing' }),
    (request) => rejectionOf(harness.client.projector.getVolume(request)),
    [
      ['no volume id', { volumeId: '' }, /^volume_id: is required$/],
      ['a long volume id', { volumeId: 'v'.repeat(1e6) }, /^volume_id: must be no more than 128 bytes$/],
      ['a volume that is not mounted', { volumeId: 'never' }, /^volume "never" is not mounted here/, 'not-found'],
    ],
  );
});

describe('ListVolumes refuses', () => {
  refuses(
    () => ({}),
    (request) => rejectionOf(harness.client.projector.listVolumes(request)),
    [
      ['a negative page', { pageSize: -1 }, /^page_size: must not be negative$/],
      ['a token that nobody gave out', { pageToken: 'next, please' }, /^page_token: must be the next_page_token/],
      ['a namespace that is no name', { namespace: 'a b' }, /^namespace: must be a DNS-1123 label/],
      [
        'all of it at once',
        { pageSize: -1, pageToken: '?', namespace: '?' },
        /^namespace: .*; page_size: .*; page_token: /,
      ],
    ],
  );
});

describe('WatchVolumes refuses', () => {
  refuses(
    () => ({}),
    (request) => rejectionOfStream(harness.client.projector.watchVolumes(request)),
    [['a long volume id', { volumeId: 'v'.repeat(129) }, /^volume_id: must be no more than 128 bytes$/]],
  );
});

describe('RenderVolume refuses', () => {
  refuses(
    () => ({ definition: WHOLE }),
    (request) => rejectionOf(harness.client.projector.renderVolume(request)),
    [
      ...CONTENTS,
      [
        'a Secret that is not there',
        { definition: { source: { secret: { secretName: 'no' } } } },
        /no/,
        'failed-precondition',
      ],
      [
        'all of it at once',
        { namespace: 'a b', definition: {}, mountGroup: -1 },
        /^namespace: .*; definition: .*; mount_group: /,
      ],
    ],
  );
});

describe('the valid requests that the tables change', () => {
  it('are valid', async () => {
    const { projector } = harness.client;
    const targetPath = harness.target('new');
    await projector.mount({ volumeId: 'new', definition: WHOLE, targetPath, tokens: { a: { token: PLANTED } } });
    await projector.unmount({ volumeId: 'new', targetPath });
    await projector.update({ volumeId: 'standing', definition: WHOLE });
    expect((await projector.getVolume({ volumeId: 'standing' })).volume?.volumeId).toBe('standing');
    expect((await projector.renderVolume({ definition: WHOLE })).entries.length).toBeGreaterThan(0);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LanternError } from '../../../../src/base/errors.ts';
import type { PublishRequest, VolumeStatus } from '../../../../src/projection/projector.ts';
import { readPublish, volumeConditionOf, volumeUsagesOf } from '../../../../src/rpc/csi/node-service.ts';
import { processorTime } from '../../../support/host/process.ts';
import { configMapSource, item, podFacts, secretSource, volumeSpec } from '../../../support/objects/builders.ts';

type Texts = Readonly<Record<string, string>>;

const TOKENS_KEY = 'csi.storage.k8s.io/serviceAccount.tokens';
const TOKENS = { vault: { token: 'tok-1', expirationTimestamp: '2026-11-25T15:00:00Z' } };

function read(volumeContext: Texts, secrets: Texts = {}): PublishRequest {
  const mount = { fsType: '', mountFlags: [], volumeMountGroup: '' };
  const volumeCapability = { accessMode: { mode: 'SINGLE_NODE_WRITER' }, mount, block: null } as const;
  const volume = { volumeId: 'v', targetPath: '/t', stagingTargetPath: '', publishContext: {}, readonly: false };
  return readPublish({ ...volume, volumeCapability, volumeContext, secrets }, 'generic');
}

/** None if the request is read. */
function faults(context: Texts, secrets: Texts = {}): string[] {
  try {
    read(context, secrets);
    return [];
  } catch (error) {
    if (!(error instanceof LanternError) || error.faults.length === 0) throw error;
    return error.faults.map(({ field, message }) => `${field}: ${message}`);
  }
}

describe('what the volume contains', () => {
  const request = { kind: 'request', items: undefined } as const;

  it.each<[string, Texts, ReturnType<typeof volumeSpec>]>([
    [
      'spec as JSON',
      { spec: '{"secret":{"secretName":"db","defaultMode":256}}' },
      volumeSpec([secretSource('db')], { defaultMode: 0o400 }),
    ],
    [
      'spec as YAML',
      { spec: 'configMap:\n  name: app\n  optional: true\n' },
      volumeSpec([configMapSource('app', { optional: true })]),
    ],
    ['request keys in a spec', { spec: '{"projected":{"sources":[{"request":{}}]}}' }, volumeSpec([request])],
    ['secretName', { secretName: 'db' }, volumeSpec([secretSource('db')])],
    ['configMapName', { configMapName: 'app' }, volumeSpec([configMapSource('app')])],
    [
      'every option of the shorthand',
      { secretName: 'db', items: '[{"key":"password","path":"pw","mode":256}]', defaultMode: '0440', optional: 'true' },
      volumeSpec([secretSource('db', { items: [item('password', 'pw', { mode: 0o400 })], optional: true })], {
        defaultMode: 0o440,
      }),
    ],
    [
      'items as YAML',
      { configMapName: 'app', items: '- key: a\n  path: b/c\n' },
      volumeSpec([configMapSource('app', { items: [item('a', 'b/c')] })]),
    ],
    [
      'a decimal mode',
      { secretName: 'db', defaultMode: '256' },
      volumeSpec([secretSource('db')], { defaultMode: 0o400 }),
    ],
    [
      'owners',
      { secretName: 'db', user: '1000', group: '0' },
      volumeSpec([secretSource('db')], { defaultUser: 1000, defaultGroup: 0 }),
    ],
    ['mode 0', { secretName: 'db', defaultMode: '0' }, volumeSpec([secretSource('db')], { defaultMode: 0 })],
    ['not optional', { secretName: 'db', optional: 'false' }, volumeSpec([secretSource('db')])],
  ])('comes from %s', (_name, context, spec) => {
    expect(read(context).definition).toEqual({ kind: 'inline', spec });
  });

  it('is the same from a name alone as from one with an option, which is parsed as a spec', () => {
    const name = fc.oneof(
      fc.stringMatching(/^[-a-z0-9.]{0,8}$/),
      fc.stringMatching(/^[a-z0-9.]{250,260}$/),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.constantFrom('secretName', 'configMapName'), name, (key, text) => {
        const [alone, full] = [{ [key]: text }, { [key]: text, optional: 'false' }];
        const problems = faults(full);
        expect(faults(alone)).toEqual(problems);
        if (problems.length === 0) expect(read(alone).definition).toStrictEqual(read(full).definition);
      }),
    );
  });

  it('is named by projectedVolume', () => {
    expect(read({ projectedVolume: 'bundle' }).definition).toEqual({ kind: 'named', projectedVolume: 'bundle' });
  });

  it('is the secrets of the request where nothing else is said', () => {
    const { definition, inputs } = read({}, { user: 'admin' });
    expect(definition).toEqual({ kind: 'inline', spec: volumeSpec([request]) });
    expect(inputs.data).toEqual(new Map([['user', Buffer.from('admin')]]));
  });

  const NONE =
    /^volume_context: must have one of spec, secretName, configMapName, projectedVolume, or the request must have secrets/;

  it.each<[string, Texts, RegExp]>([
    ['nothing', {}, NONE],
    ['nothing but tokens', { [TOKENS_KEY]: JSON.stringify(TOKENS) }, NONE],
    [
      'two of them',
      { secretName: 'db', spec: '{}' },
      /^volume_context: must have exactly one of .*; spec and secretName are there$/,
    ],
    ['a bad name', { secretName: 'My_DB' }, /^volume_context\[secretName\]: must be a DNS-1123 subdomain/],
    ['an empty name', { configMapName: '' }, /^volume_context\[configMapName\]: must not be empty/],
    [
      'a bad name of a ProjectedVolume',
      { projectedVolume: '-' },
      /^volume_context\[projectedVolume\]: must be a DNS-1123/,
    ],
    ['text that is no YAML', { spec: 'secret: db: x' }, /^volume_context\[spec\]: line 1, column /],
    [
      'a spec of the wrong shape',
      { spec: '{"secret":{"secretName":"db","defaultMode":"0400"}}' },
      /^volume_context\[spec\]\.secret\.defaultMode: must be a number/,
    ],
    ['an empty spec', { spec: '' }, /^volume_context\[spec\]: /],
    [
      'items that are a mapping',
      { secretName: 'db', items: '{"key":"a","path":"b"}' },
      /^volume_context\[items\]: must be one YAML or JSON list/,
    ],
    ['empty items', { secretName: 'db', items: '' }, /^volume_context\[items\]: must be one YAML or JSON list/],
    ['items that are no YAML', { secretName: 'db', items: 'a: b: c' }, /^volume_context\[items\]: line 1, column /],
    [
      'an item without a path',
      { secretName: 'db', items: '[{"key":"a"}]' },
      /^volume_context\[items\]\[0\]\.path: is required$/,
    ],
    [
      'items at one path',
      { configMapName: 'app', items: '[{"key":"a","path":"p"},{"key":"b","path":"./p"}]' },
      /^volume_context\[items\]\[1\]\.path: conflicting duplicate paths: "p" is also at volume_context\[items\]\[0\]\.path$/,
    ],
    [
      'an owner in words',
      { configMapName: 'db', user: 'www-data' },
      /^volume_context\[user\]: must be a numeric id like 1000/,
    ],
    [
      'a group that no file can have',
      { secretName: 'db', group: '2147483648' },
      /^volume_context\[group\]: must be a number between 0 and 2147483647/,
    ],
    [
      'a mode in words',
      { secretName: 'db', defaultMode: 'r--' },
      /^volume_context\[defaultMode\]: must be a mode: octal with a leading 0/,
    ],
    [
      'a mode with a digit 8',
      { secretName: 'db', defaultMode: '0480' },
      /^volume_context\[defaultMode\]: must be a mode/,
    ],
    [
      'a mode that is too large',
      { secretName: 'db', defaultMode: '01000' },
      /^volume_context\[defaultMode\]: must be a number between 0 and 0777/,
    ],
    [
      'a mode beyond any number',
      { secretName: 'db', defaultMode: '9'.repeat(400) },
      /^volume_context\[defaultMode\]: must be a number between 0 and 0777/,
    ],
    [
      'optional in other words',
      { secretName: 'db', optional: 'yes' },
      /^volume_context\[optional\]: must be "true" or "false"$/,
    ],
    [
      'an option beside a spec',
      { spec: '{"secret":{"secretName":"db"}}', optional: 'true' },
      /^volume_context\[optional\]: needs secretName or configMapName/,
    ],
  ])('is not said by %s', (_name, context, message) => {
    const found = faults(context);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  });

  it('has all its faults told at once', () => {
    const context = {
      secretName: 'My_DB',
      items: '[{"key":"a"}]',
      optional: 'no',
      subPath: '/a',
      namespace: 'B',
      bogus: 'x',
    };
    const fields = faults(context, { '..': 'x' }).map((line) => line.slice(0, line.indexOf(': ')));
    expect(fields.sort()).toEqual([
      'secrets[..]',
      'volume_context[bogus]',
      'volume_context[items][0].path',
      'volume_context[namespace]',
      'volume_context[optional]',
      'volume_context[secretName]',
      'volume_context[subPath]',
    ]);
  });
});

describe('the keys', () => {
  it('of the host are accepted, known or not, and of any size', () => {
    const context = {
      secretName: 'db',
      'csi.storage.k8s.io/fstype': 'ext4',
      'csi.storage.k8s.io/more': 'x'.repeat(10_000),
    };
    expect(faults(context)).toEqual([]);
  });

  it.each([
    ['secretname', 'did you mean "secretName"?'],
    ['projectedVolumes', 'did you mean "projectedVolume"?'],
    ['verbosity', 'known are spec, secretName,'],
    ['constructor', 'is not a known key'],
  ])('of ours are known, unlike %s', (key, hint) => {
    expect(faults({ secretName: 'db', [key]: 'x' })).toEqual([expect.stringContaining(`volume_context[${key}]: `)]);
    expect(faults({ secretName: 'db', [key]: 'x' })[0]).toContain(hint);
  });

  it('of ours hold 4 KiB together, keys and values', () => {
    const spec = '{"secret":{"secretName":"db"}}';
    const full = { spec: spec.padEnd(4096 - 'spec'.length) };
    expect(faults(full)).toEqual([]);
    expect(faults({ spec: `${full.spec} ` })).toEqual([
      expect.stringMatching(/^volume_context: holds 4097 bytes, CSI allows 4096/),
    ]);
  });

  it.each([
    ['lists in lists', { spec: `${'- '.repeat(150)}a\n`.repeat(2_000) }],
    ['keys', { spec: Array.from({ length: 50_000 }, (_, index) => `k${index}: 0`).join('\n') }],
    ['items', { secretName: 'db', items: '- {}\n'.repeat(100_000) }],
    ['attributes', Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`k${index}`, '']))],
  ])('beyond that are not looked at: %s', (_name, context) => {
    const before = processorTime();
    expect(faults(context)).toEqual([expect.stringMatching(/^volume_context: holds \d+ bytes, CSI allows 4096/)]);
    // Each of them takes seconds to be read.
    expect(processorTime() - before).toBeLessThan(200);
  });

  it('within it have no more nodes than are read in milliseconds', () => {
    expect(faults({ spec: '- '.repeat(150).concat('a\n').repeat(13) })).toEqual([
      expect.stringMatching(/^volume_context\[spec\]: must have no more than 1500 keys, values, lists and mappings/),
    ]);
  });
});

describe("the host's keys", () => {
  const prefix = 'csi.storage.k8s.io/';
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`${prefix}${at}`, '']));

  it('count apart: 32 of them, with 64 KiB', () => {
    const long = { [`${prefix}a`]: 'x'.repeat(64 * 1024 - prefix.length - 1) };
    expect(faults({ secretName: 'db', ...many(32) })).toEqual([]);
    expect(faults({ secretName: 'db', ...long })).toEqual([]);
    for (const more of [many(33), { ...long, [prefix]: '' }]) {
      expect(faults({ secretName: 'db', ...more })).toEqual([
        "volume_context: holds more than 32 keys and 65536 bytes under csi.storage.k8s.io/; leave out what is not the host's own",
      ]);
    }
  });

  it('hold no tokens that would take long to read', () => {
    const tokens = `{${Array.from({ length: 5_000 }, (_, index) => `"${index}":{}`).join()}}`;
    expect(faults({ secretName: 'db', [`${prefix}serviceAccount.tokens`]: tokens })).toEqual([
      expect.stringMatching(/serviceAccount.tokens\]: must be JSON of the form/),
    ]);
  });
});

describe('namespace and subPath', () => {
  it.each<[string, Texts, string]>([
    ['is "default"', {}, 'default'],
    ['is what the context says', { namespace: 'shop' }, 'shop'],
    ['is what the host says first', { namespace: 'kube-system', 'csi.storage.k8s.io/pod.namespace': 'shop' }, 'shop'],
  ])('the namespace %s', (_name, context, namespace) => {
    expect(read({ secretName: 'db', ...context }).namespace).toBe(namespace);
  });

  it('the sub path is cleaned', () => {
    expect(read({ secretName: 'db', subPath: 'a//b' }).subPath).toBe('a/b');
    expect(read({ secretName: 'db' }).subPath).toBeUndefined();
  });

  it.each(['', '/a', 'a/../b', '..data'])('a sub path "%s" is refused', (subPath) => {
    expect(faults({ secretName: 'db', subPath })).toEqual([expect.stringContaining('volume_context[subPath]: ')]);
  });
});

describe('the pod', () => {
  it('is what the host says about it', () => {
    const context = {
      secretName: 'db',
      'csi.storage.k8s.io/pod.name': 'web-0',
      'csi.storage.k8s.io/pod.uid': 'u-1',
      'csi.storage.k8s.io/serviceAccount.name': 'robot',
    };
    expect(read(context).pod).toEqual(podFacts({ name: 'web-0', uid: 'u-1', serviceAccountName: 'robot' }));
  });

  it('is unknown where the host says nothing', () => {
    expect(read({ secretName: 'db' }).pod).toBeUndefined();
  });
});

describe('the request’s own data', () => {
  it('is every secret but the host’s, as UTF-8', () => {
    const secrets = {
      user: 'admin',
      'tls.key': 'ключ',
      [TOKENS_KEY]: JSON.stringify(TOKENS),
      'csi.storage.k8s.io/x': 'y',
    };
    expect(read({}, secrets).inputs.data).toEqual(
      new Map([
        ['user', Buffer.from('admin')],
        ['tls.key', Buffer.from('ключ')],
      ]),
    );
  });

  it.each(['a/b', '..', '', 'sp ace'])('has no key "%s"', (key) => {
    expect(faults({ secretName: 'db' }, { [key]: 'hunter2' })).toEqual([expect.stringContaining(`secrets[${key}]: `)]);
  });
});

describe('tokens', () => {
  const held = new Map(Object.entries(TOKENS));
  const older = { old: { token: 'tok-0', expirationTimestamp: '2026-11-25T14:00:00Z' } };

  it.each<[string, Texts, Texts, ReadonlyMap<string, unknown>]>([
    ['secrets', {}, { [TOKENS_KEY]: JSON.stringify(TOKENS) }, held],
    ['volume_context', { [TOKENS_KEY]: JSON.stringify(TOKENS) }, {}, held],
    [
      'secrets before volume_context',
      { [TOKENS_KEY]: JSON.stringify(older) },
      { [TOKENS_KEY]: JSON.stringify(TOKENS) },
      held,
    ],
    ['nowhere', {}, {}, new Map()],
  ])('come from %s', (_name, context, secrets, expected) => {
    const { inputs } = read({ secretName: 'db', ...context }, secrets);
    expect(inputs).toEqual({ data: new Map(), tokens: expected });
  });

  it('keep an audience with any name, and may bring fields we do not know', () => {
    const text = '{"__proto__":{"token":"t","expirationTimestamp":"e","more":1}}';
    const { tokens } = read({ secretName: 'db' }, { [TOKENS_KEY]: text }).inputs;
    expect([...tokens]).toEqual([['__proto__', { token: 't', expirationTimestamp: 'e' }]]);
  });

  it.each([
    ['no JSON', 'hunter2'],
    ['half of it', '{"vault":{"token":"hunter2'],
    ['a bare token', '"hunter2"'],
    ['a list', '["hunter2"]'],
    ['the token in place of the audience', '{"hunter2":"vault"}'],
    ['a token that is a number', '{"hunter2":{"token":5,"expirationTimestamp":"e"}}'],
    ['an empty token', '{"vault":{"token":"","expirationTimestamp":"hunter2"}}'],
    ['no expiration', '{"vault":{"token":"hunter2"}}'],
  ])('that are %s are refused without a word of them', (_name, text) => {
    for (const [place, context, secrets] of [
      ['secrets', {}, { [TOKENS_KEY]: text }],
      ['volume_context', { [TOKENS_KEY]: text }, {}],
    ] as const) {
      const found = faults({ secretName: 'db', ...context }, secrets);
      expect(found).toEqual([expect.stringContaining(`${place}[${TOKENS_KEY}]: must be JSON of the form`)]);
      expect(found.join()).not.toContain('hunter2');
    }
  });
});

describe('whatever is sent', () => {
  const key = fc.oneof(
    fc.constantFrom(
      'spec',
      'secretName',
      'configMapName',
      'items',
      'defaultMode',
      'user',
      'group',
      'optional',
      'projectedVolume',
      'subPath',
      'namespace',
      TOKENS_KEY,
    ),
    fc.string({ maxLength: 8 }),
  );
  const texts = (value: fc.Arbitrary<string>) => fc.dictionary(key, value, { maxKeys: 5, noNullPrototype: true });

  it('is read or refused, and no secret value is told', () => {
    const secret = fc.string({ maxLength: 6 }).map((text) => `${text}\u{1F511}hunter2`);
    fc.assert(
      fc.property(texts(fc.oneof(fc.string(), fc.json())), texts(secret), (context, secrets) => {
        expect(faults(context, secrets).join()).not.toContain('hunter2');
      }),
    );
  });
});

function conditionOf(state: VolumeStatus['state'], lastError: string | undefined) {
  return volumeConditionOf({
    volumeId: 'v',
    namespace: 'default',
    state,
    lastError,
    problemSince: undefined,
    mountedAt: undefined,
    updatedAt: undefined,
    staleSince: undefined,
    generation: undefined,
    definition: undefined,
    files: [],
    publications: [],
    objects: [],
    mountGroup: undefined,
    pod: undefined,
    podVolume: undefined,
  });
}

describe('the condition of a volume', () => {
  it.each<[VolumeStatus['state'], string | undefined, boolean, string]>([
    ['ready', undefined, false, 'ready: the contents are up to date'],
    ['stale', 'secret "db" does not exist', true, 'stale: secret "db" does not exist'],
    ['degraded', undefined, true, 'degraded'],
    ['degraded', '', true, 'degraded'],
  ])('%s with error %j is abnormal: %s', (state, lastError, abnormal, message) => {
    expect(conditionOf(state, lastError)).toEqual({ abnormal, message });
  });

  it('fits into 128 bytes, cut between characters, as much as there is room for', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }), (error) => {
        const whole = `stale: ${error}`;
        const message = conditionOf('stale', error).message ?? '';
        expect(Buffer.byteLength(message)).toBeLessThanOrEqual(128);
        if (Buffer.byteLength(whole) <= 128) {
          expect(message).toBe(whole);
          return;
        }
        expect(message.endsWith('…')).toBe(true);
        expect(whole.startsWith(message.slice(0, -1))).toBe(true);
        expect(Buffer.byteLength(message)).toBeGreaterThan(128 - 4);
      }),
    );
  });
});

describe('usage', () => {
  it('is bytes and inodes, with nothing less than nothing available', () => {
    expect(volumeUsagesOf({ totalBytes: 100, usedBytes: 30, totalInodes: 5, usedInodes: 7 })).toEqual([
      { unit: 'BYTES', total: 100, used: 30, available: 70 },
      { unit: 'INODES', total: 5, used: 7, available: 0 },
    ]);
  });
});

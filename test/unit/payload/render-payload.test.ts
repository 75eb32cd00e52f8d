import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type RenderInputs, renderPayload } from '../../../src/payload/render-payload.ts';
import type { SourceSpec } from '../../../src/spec/volume-spec.ts';
import {
  bytesByKey,
  configMapDraft,
  configMapSource,
  item,
  relativePath,
  renderInputs,
  secretDraft,
  secretSource,
  stored,
  volumeSpec,
} from '../../support/objects/builders.ts';

const DB = stored(secretDraft('db', { username: 'admin', password: 'hunter2' }));
const APP = stored(configMapDraft('app', { motd: 'grüezi', logo: Uint8Array.of(0, 255) }));

/** The files as `path mode owner`, in order, with their text. */
function rendered(inputs: RenderInputs) {
  const result = renderPayload(inputs);
  if (!result.ok) throw new Error(result.faults.map(({ message }) => message).join('; '));
  return result;
}

function texts(inputs: RenderInputs): Record<string, string> {
  const { payload } = rendered(inputs);
  return Object.fromEntries([...payload.files].map(([path, { bytes }]) => [path, Buffer.from(bytes).toString()]));
}

function modes(inputs: RenderInputs): Record<string, string> {
  const { payload } = rendered(inputs);
  const entries = [...payload.files].map(([path, { mode, user, group }]) => {
    return [path, `${mode.toString(8)} ${user ?? '-'}:${group ?? '-'}`];
  });
  return Object.fromEntries(entries);
}

function refusal(inputs: RenderInputs) {
  const result = renderPayload(inputs);
  if (result.ok) throw new Error(`rendered ${[...result.payload.files.keys()].join(', ')}`);
  return { reason: result.reason, messages: result.faults.map(({ message }) => message) };
}

describe('objects', () => {
  test('without items every key is a file of its name, byte for byte', () => {
    expect(texts(renderInputs([secretSource('db')], [DB]))).toEqual({ password: 'hunter2', username: 'admin' });
    const { payload } = rendered(renderInputs([configMapSource('app')], [APP]));
    expect(payload.files.get(relativePath('logo'))?.bytes).toEqual(Uint8Array.of(0, 255));
    expect(payload.files.get(relativePath('motd'))?.bytes).toEqual(Buffer.from('grüezi'));
  });

  test('with items only those, at their paths, one key at two paths as well', () => {
    const items = [item('username', 'my-group/user'), item('username', 'login')];
    expect(texts(renderInputs([secretSource('db', { items })], [DB]))).toEqual({
      'my-group/user': 'admin',
      login: 'admin',
    });
  });

  test("a ConfigMap's item is looked up in data first, then in binaryData", () => {
    const binaryData = bytesByKey({ both: 'binary', only: 'binary' });
    const object = stored(configMapDraft('app', { both: 'text' }, { binaryData }));
    const items = [item('both'), item('only')];
    expect(texts(renderInputs([configMapSource('app', { items })], [object]))).toEqual({
      both: 'text',
      only: 'binary',
    });
    expect(texts(renderInputs([configMapSource('app')], [object]))).toEqual({ both: 'text', only: 'binary' });
  });

  test('values are handed on, not copied', () => {
    const { payload } = rendered(renderInputs([secretSource('db')], [DB]));
    expect(payload.files.get(relativePath('password'))?.bytes).toBe(DB.kind === 'Secret' && DB.data.get('password'));
  });

  test('an empty object makes an empty payload', () => {
    const { payload } = rendered(renderInputs([secretSource('none')], [stored(secretDraft('none'))]));
    expect(payload).toMatchObject({ bytes: 0, entries: 0 });
  });

  test('an object of the name in another namespace, or of another kind, is not it', () => {
    const elsewhere = stored(secretDraft('db', {}, { metadata: { namespace: 'other' } }));
    const inputs = renderInputs([secretSource('db')], [elsewhere, stored(configMapDraft('db', { a: 'b' }))]);
    expect(refusal(inputs).reason).toBe('missing');
  });

  test.each<[string, SourceSpec, string[]]>([
    ['Secret', secretSource('gone'), ['Secret default/gone does not exist']],
    ['ConfigMap', configMapSource('gone'), ['ConfigMap default/gone does not exist']],
    [
      'Secret key',
      secretSource('db', { items: [item('username'), item('K'), item('L')] }),
      [
        'Secret default/db references non-existent secret key: K',
        'Secret default/db references non-existent secret key: L',
      ],
    ],
    [
      'ConfigMap key',
      configMapSource('app', { items: [item('K')] }),
      ['ConfigMap default/app references non-existent config key: K'],
    ],
  ])('a missing %s fails the volume, unless it is optional', (_, source, messages) => {
    expect(refusal(renderInputs([source], [DB, APP]))).toEqual({ reason: 'missing', messages });
    const forgiven = texts(renderInputs([{ ...source, optional: true } as SourceSpec], [DB, APP]));
    expect(Object.keys(forgiven)).toEqual(messages.length === 2 ? ['username'] : []);
  });

  test('every source says what is wrong with it; what can never be outweighs what may still come', () => {
    const broken = stored(secretDraft('broken', { '..x': 'hunter2' }));
    const sources = [secretSource('gone'), secretSource('broken'), configMapSource('lost')];
    expect(refusal(renderInputs(sources, [broken]))).toEqual({
      reason: 'invalid',
      messages: [
        'Secret default/gone does not exist',
        'the key "..x" of Secret default/broken cannot be a file\'s name',
        'ConfigMap default/lost does not exist',
      ],
    });
  });

  test.each(['..', '.', '..data', '...', 'a/b', '/etc', ''])('the key %j never becomes a file', (key) => {
    const object = stored(secretDraft('db', { [key]: 'hunter2' }));
    const { reason, messages } = refusal(renderInputs([secretSource('db')], [object]));
    expect(reason).toBe('invalid');
    expect(messages.join()).not.toContain('hunter2');
  });
});

describe("the request's data and tokens", () => {
  const requestData = bytesByKey({ user: 'me', pin: '1234' });

  test('request keys: all, or the listed ones', () => {
    const all = renderInputs([{ kind: 'request', items: undefined }], [], { requestData });
    expect(texts(all)).toEqual({ pin: '1234', user: 'me' });
    const listed = renderInputs([{ kind: 'request', items: [item('pin', 'card/pin')] }], [], { requestData });
    expect(texts(listed)).toEqual({ 'card/pin': '1234' });
    const lost = refusal(renderInputs([{ kind: 'request', items: [item('puk')] }], [], { requestData }));
    expect(lost).toEqual({
      reason: 'missing',
      messages: ["the request's data references non-existent request key: puk"],
    });
  });

  const token = {
    kind: 'serviceAccountToken',
    audience: 'vault',
    expirationSeconds: 3600,
    path: relativePath('token'),
    user: undefined,
  } as const;
  const tokens = new Map([['vault', { token: 'eyJ.secret', expirationTimestamp: '2026-11-23T20:24:08Z' }]]);

  test('a token is taken by audience', () => {
    expect(texts(renderInputs([token], [], { tokens }))).toEqual({ token: 'eyJ.secret' });
    const { reason, messages } = refusal(renderInputs([{ ...token, audience: 'other' }], [], { tokens }));
    expect(reason).toBe('missing');
    expect(messages).toEqual([
      'ServiceAccount default/default does not exist, and the token for the audience "other" is to speak for it',
    ]);
  });

  test('a token that only the host can bring is asked of the host, whatever account it would speak for', () => {
    const { reason, messages } = refusal(renderInputs([token], [], { tokenIssuer: 'host' }));
    expect(reason).toBe('missing');
    expect(messages).toEqual([
      'the request brought no token for the audience "vault", which only the host issues here: on Kubernetes, list it in ' +
        'tokenRequests of the CSIDriver object',
    ]);
  });

  test.each<[string, Partial<RenderInputs>, string]>([
    ['no owner', {}, '644 -:-'],
    ['a user', { spec: volumeSpec([token], { defaultUser: 7 }) }, '600 7:-'],
    ['a user of its own', { spec: volumeSpec([{ ...token, user: 8 }], { defaultUser: 7 }) }, '600 8:-'],
    ['a group, which is to read it', { spec: volumeSpec([token], { defaultGroup: 0 }) }, '640 -:0'],
    ['a user and a mount group', { spec: volumeSpec([{ ...token, user: 8 }]), mountGroup: 50 }, '640 8:-'],
    ['a mount group, which must read it', { mountGroup: 50 }, '640 -:-'],
  ])('its mode with %s', (_, overrides, expected) => {
    expect(modes(renderInputs([token], [], { tokens, ...overrides }))).toEqual({ token: expected });
  });
});

describe('modes and owners', () => {
  const items = [item('username', 'u', { mode: 0o400, user: 1 }), item('password', 'p', { group: 2 })];

  test("an item's own, else the volume's", () => {
    const spec = volumeSpec([secretSource('db', { items })], { defaultMode: 0o777, defaultUser: 8, defaultGroup: 9 });
    expect(modes(renderInputs([], [DB], { spec }))).toEqual({ p: '777 8:2', u: '400 1:9' });
  });

  test('a mount group adds 0440 to files and nothing else; without one 0400 stays 0400 (invariant 10)', () => {
    const sources = [secretSource('db', { items })];
    expect(modes(renderInputs(sources, [DB], { mountGroup: 50 }))).toEqual({ p: '644 -:2', u: '440 1:-' });
    expect(modes(renderInputs(sources, [DB]))).toEqual({ p: '644 -:2', u: '400 1:-' });
    expect(rendered(renderInputs(sources, [DB], { mountGroup: 50 })).payload.mountGroup).toBe(50);
  });
});

describe('several sources', () => {
  const one = stored(secretDraft('one', { same: '1', a: '1' }));
  const two = stored(configMapDraft('two', { same: '2', b: '2' }));

  test('a later one overwrites an earlier one; between whole objects with a warning', () => {
    const { notices } = rendered(renderInputs([secretSource('one'), configMapSource('two')], [one, two]));
    const message = '"same" of ConfigMap default/two overwrites the one of Secret default/one';
    expect(notices).toEqual([{ reason: 'PathOverwritten', message }]);
    expect(texts(renderInputs([secretSource('one'), configMapSource('two')], [one, two]))).toMatchObject({ same: '2' });
    expect(texts(renderInputs([configMapSource('two'), secretSource('one')], [one, two]))).toMatchObject({ same: '1' });
  });

  test('a listed item over another listed one is warned of', () => {
    const twice = secretSource('one', { items: [item('a', 'p'), item('same', 'p')] });
    expect(texts(renderInputs([twice], [one]))).toEqual({ p: '1' });
    const message = '"p" of Secret default/one overwrites the one of Secret default/one';
    expect(rendered(renderInputs([twice], [one])).notices).toEqual([{ reason: 'PathOverwritten', message }]);
  });

  test('a listed item over a whole object is meant, and not warned of', () => {
    const sources = [secretSource('one'), configMapSource('two', { items: [item('b', 'same')] })];
    const { notices } = rendered(renderInputs(sources, [one, two]));
    expect(notices).toEqual([]);
    expect(texts(renderInputs(sources, [one, two]))).toEqual({ a: '1', same: '2' });
  });

  test('a file that another source needs as a directory is refused, naming both, in either order', () => {
    const nested = configMapSource('two', { items: [item('b', 'a/deep/b')] });
    const message =
      '"a" of Secret default/one and "a/deep/b" of ConfigMap default/two exclude each other: ' +
      '"a" cannot be a file and a directory; give one of them another path';
    for (const sources of [
      [secretSource('one'), nested],
      [nested, secretSource('one')],
    ]) {
      expect(refusal(renderInputs(sources, [one, two]))).toEqual({ reason: 'invalid', messages: [message] });
    }
  });

  test('whatever is laid over what: the last one wins, or a conflict is refused', () => {
    const path = fc
      .array(fc.constantFrom('a', 'b', 'a.b', 'c'), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.join('/'));
    const layers = fc.array(fc.uniqueArray(path, { maxLength: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(layers, (given) => {
        const objects = given.map((_, index) => stored(secretDraft(`s${index}`, { key: `${index}` })));
        const sources = given.map((paths, index) => {
          return secretSource(`s${index}`, { items: paths.map((to) => item('key', to)) });
        });
        const expected = new Map(given.flatMap((paths, index) => paths.map((to) => [to, `${index}`] as const)));
        const all = [...expected.keys()];
        const isConflict = all.some((file) => all.some((other) => other.startsWith(`${file}/`)));
        const result = renderPayload(renderInputs(sources, objects));
        expect(result.ok).toBe(!isConflict);
        const files = result.ok ? [...result.payload.files] : [];
        const got = files.map(([to, { bytes }]) => [to, Buffer.from(bytes).toString()] as const);
        expect(new Map(got)).toEqual(isConflict ? new Map() : expected);
      }),
      { numRuns: 500 },
    );
  });
});

describe('budget', () => {
  test('exactly the budget is fine, one more is not, and the message says both numbers', () => {
    const sizes = fc.array(fc.nat({ max: 50 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 3 }), (lengths, depth) => {
        const values = Object.fromEntries(lengths.map((length, index) => [`k${index}`, Buffer.alloc(length)]));
        const items = lengths.map((_, index) => item(`k${index}`, `${'d/'.repeat(depth)}k${index}`));
        const bytes = lengths.reduce((sum, length) => sum + length, 0);
        const entries = lengths.length + depth;
        const outcome = (budget: RenderInputs['budget']) => {
          const inputs = renderInputs([secretSource('s', { items })], [stored(secretDraft('s', values))], { budget });
          const result = renderPayload(inputs);
          return result.ok ? 'ok' : `${result.reason}: ${result.faults.map(({ message }) => message).join('; ')}`;
        };
        expect(outcome({ bytes, entries })).toBe('ok');
        expect(outcome({ bytes, entries: entries - 1 })).toBe(
          `too-large: the volume has ${entries} files and directories, more than the ${entries - 1} allowed`,
        );
        expect(outcome({ bytes: bytes - 1, entries })).toBe(
          `too-large: the volume's files have ${bytes} bytes, more than the ${bytes - 1} allowed`,
        );
      }),
      { numRuns: 50 },
    );
  });
});

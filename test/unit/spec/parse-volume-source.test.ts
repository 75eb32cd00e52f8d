import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orThrow } from '../../../src/base/parsed.ts';
import {
  definitionToJson,
  parseDefinition,
  parseVolumeSource,
  parseVolumeSourceText,
  volumeSpecToJson,
} from '../../../src/spec/parse-volume-source.ts';
import { arbitrarySpec } from '../../support/objects/arbitrary-spec.ts';
import { faultLines } from '../../support/suite/expectations.ts';

const read = (text: string) => orThrow(parseVolumeSourceText(text, 'volume'));
const faultsOf = (text: string) => faultLines(parseVolumeSourceText(text, 'volume'));

const defaults = { defaultMode: 0o644, defaultUser: undefined, defaultGroup: undefined };
const plain = { mode: undefined, user: undefined, group: undefined };

describe('a volume source', () => {
  it('of a Secret, by default', () => {
    expect(read('secret: {secretName: db}')).toStrictEqual({
      sources: [{ kind: 'secret', name: 'db', items: undefined, optional: false }],
      ...defaults,
    });
  });

  it('of a ConfigMap, with everything set', () => {
    const text = `
      configMap:
        name: settings
        items:
          - {key: a, path: ./nested//a, mode: 0400, user: 1000, group: 0}
          - {key: b, path: b}
        defaultMode: 0750
        defaultUser: 2147483647
        defaultGroup: 5
        optional: true`;
    const items = [
      { key: 'a', path: 'nested/a', mode: 0o400, user: 1000, group: 0 },
      { key: 'b', path: 'b', ...plain },
    ];
    expect(read(text)).toStrictEqual({
      sources: [{ kind: 'configMap', name: 'settings', items, optional: true }],
      defaultMode: 0o750,
      defaultUser: 2147483647,
      defaultGroup: 5,
    });
  });

  it('of the downward API', () => {
    const text = `
      downwardAPI:
        items:
          - {path: name, fieldRef: {apiVersion: v1, fieldPath: metadata.name}, mode: 0400}
          - {path: cpu, resourceFieldRef: {containerName: c, resource: limits.cpu, divisor: 1m}}
          - {path: memory, resourceFieldRef: {containerName: c, resource: requests.memory}}
          - {path: huge, resourceFieldRef: {containerName: c, resource: limits.hugepages-2Mi, divisor: 0}}
          - {path: disk, resourceFieldRef: {containerName: c, resource: limits.ephemeral-storage, divisor: 1}}`;
    const resource = (path: string, name: string, divisor: string) => ({
      path,
      ...plain,
      value: { kind: 'resource', containerName: 'c', resource: name, divisor },
    });
    expect(read(text).sources).toStrictEqual([
      {
        kind: 'downwardAPI',
        items: [
          { path: 'name', ...plain, mode: 0o400, value: { kind: 'field', field: { kind: 'name' } } },
          resource('cpu', 'limits.cpu', '1m'),
          resource('memory', 'requests.memory', '1'),
          resource('huge', 'limits.hugepages-2Mi', '1'),
          resource('disk', 'limits.ephemeral-storage', '1'),
        ],
      },
    ]);
  });

  it('of the request', () => {
    expect(read('request: {items: [{key: a, path: b}], defaultMode: 0}')).toStrictEqual({
      sources: [{ kind: 'request', items: [{ key: 'a', path: 'b', ...plain }] }],
      ...defaults,
      defaultMode: 0,
    });
  });

  it('of several, in their order', () => {
    const text = `
      projected:
        defaultMode: 0440
        sources:
          - serviceAccountToken: {path: token}
          - serviceAccountToken: {path: vault, audience: vault, expirationSeconds: 600}
          - secret: {name: db, optional: true}
          - configMap: {name: settings}
          - downwardAPI: {items: [{path: uid, fieldRef: {fieldPath: metadata.uid}}]}
          - request: {}`;
    expect(read(text)).toMatchObject({
      defaultMode: 0o440,
      sources: [
        { kind: 'serviceAccountToken', path: 'token', audience: '', expirationSeconds: 3600 },
        { kind: 'serviceAccountToken', path: 'vault', audience: 'vault', expirationSeconds: 600 },
        { kind: 'secret', name: 'db', optional: true },
        { kind: 'configMap', name: 'settings', optional: false },
        { kind: 'downwardAPI' },
        { kind: 'request', items: undefined },
      ],
    });
  });

  it.each([
    ['an entry of a pod, with its name', '{name: foo, secret: {secretName: db}}'],
    [
      'null for what is left out',
      '{secret: {secretName: db, items: , optional: , defaultMode: , defaultUser: }, configMap: }',
    ],
    ['an empty list of items', '{secret: {secretName: db, items: []}}'],
    ['JSON', '{"secret": {"secretName": "db", "defaultMode": 420}}'],
  ])('may be given as %s', (_, text) => {
    expect(read(text)).toStrictEqual(read('secret: {secretName: db}'));
  });

  it.each([['projected: {}'], ['projected: {sources: }'], ['projected: {sources: []}']])(
    'may have no sources: %s',
    (text) => {
      expect(read(text).sources).toEqual([]);
    },
  );
});

const MODE = 'must be a number between 0 and 0777 (octal), both inclusive';
const ID = 'must be a number between 0 and 2147483647, both inclusive';
const EXPIRATION = 'must be between 600 (10 minutes) and 4294967296';
const item = (fields: string) => `secret: {secretName: db, items: [{key: k, path: p, ${fields}}]}`;
const downward = (fields: string) => `downwardAPI: {items: [{path: p, ${fields}}]}`;
const at = 'volume.secret.items[0]';

describe('a fault', () => {
  it.each([
    ['', 'volume: is required'],
    ['x', 'volume: must be a mapping, not a string'],
    ['{}', 'volume: must have exactly one of secret, configMap, downwardAPI, projected, request; none is there'],
    [
      '{secret: {secretName: a}, request: {}}',
      'volume: must have exactly one of secret, configMap, downwardAPI, projected, request; secret and request are there',
    ],
    ['secret: {}', 'volume.secret.secretName: is required'],
    ['secret: {secretName: A}', /^volume\.secret\.secretName: must be a DNS-1123 subdomain/],
    [
      'secret: {secretName: db, defaultmode: 0400}',
      'volume.secret.defaultmode: unknown field; did you mean "defaultMode"?',
    ],
    ['secret: {secretName: db, name: db}', /^volume\.secret\.name: unknown field; known here: secretName, /],
    [
      '{request: {}, emptyDir: {}}',
      'volume.emptyDir: unknown field; known here: name, secret, configMap, downwardAPI, projected, request',
    ],
    ['secret: {secretName: db, optional: "true"}', 'volume.secret.optional: must be true or false, not a string'],
    [
      'secret: {secretName: db, defaultMode: "0400"}',
      `volume.secret.defaultMode: ${MODE}; write 0400 without quotes in YAML, or 256 in JSON`,
    ],
    [
      'secret: {secretName: db, defaultMode: 644}',
      `volume.secret.defaultMode: ${MODE}; if octal 644 is meant, write 0644 in YAML, or 420 in JSON`,
    ],
    ['secret: {secretName: db, defaultMode: 02755}', `volume.secret.defaultMode: ${MODE}`],
    [item('mode: -1'), `${at}.mode: ${MODE}`],
    [item('mode: 1.5'), `${at}.mode: ${MODE}`],
    [item('mode: hunter2'), `${at}.mode: ${MODE}`],
    [item('mode: .nan'), `${at}.mode: ${MODE}`],
    [item('user: root'), `${at}.user: ${ID}`],
    [item('group: 2147483648'), `${at}.group: ${ID}`],
    [item('uid: 5'), `${at}.uid: unknown field; known here: key, path, mode, user, group`],
    ['secret: {secretName: db, items: [{path: p}]}', `${at}.key: is required`],
    ['secret: {secretName: db, items: [{key: "", path: p}]}', `${at}.key: must not be empty`],
    ['secret: {secretName: db, items: [{key: k}]}', `${at}.path: is required`],
    ['secret: {secretName: db, items: [{key: k, path: ./..data}]}', `${at}.path: must not start with '..'`],
    ['secret: {secretName: db, items: {key: k}}', 'volume.secret.items: must be a list, not a mapping'],
    [downward(''), 'volume.downwardAPI.items[0]: must have exactly one of fieldRef, resourceFieldRef; none is there'],
    [
      downward('fieldRef: {fieldPath: spec.nodeName}'),
      /^volume\.downwardAPI\.items\[0\]\.fieldRef\.fieldPath: must be one of metadata\.name, /,
    ],
    [
      downward('resourceFieldRef: {resource: limits.cpu}'),
      'volume.downwardAPI.items[0].resourceFieldRef.containerName: is required',
    ],
    [
      downward('resourceFieldRef: {containerName: c, resource: limits.gpu}'),
      /resource: must be limits\.R or requests\.R/,
    ],
    [
      downward('resourceFieldRef: {containerName: c, resource: limits.cpu, divisor: much}'),
      /divisor: must be a quantity/,
    ],
    [downward('resourceFieldRef: {containerName: c, resource: limits.cpu, divisor: -1}'), /divisor: must be 1 or 1m$/],
    ['projected: {sources: [{}]}', /^volume\.projected\.sources\[0\]: must have exactly one of .*; none is there$/],
    [
      'projected: {sources: [{secret: {name: a}, configMap: {name: b}}]}',
      /sources\[0\]: must have .*; secret and configMap are there$/,
    ],
    ['projected: {sources: [{secret: {secretName: a, name: a}}]}', /sources\[0\]\.secret\.secretName: unknown field/],
    [
      'projected: {sources: [{clusterTrustBundle: {name: x}}]}',
      /^volume\.projected\.sources\[0\]\.clusterTrustBundle: is not supported/,
    ],
    ['projected: {sources: [{serviceAccountToken: {}}]}', /serviceAccountToken\.path: is required$/],
    [
      'projected: {sources: [{serviceAccountToken: {path: t, expirationSeconds: 599}}]}',
      new RegExp(`expirationSeconds: ${EXPIRATION.replace(/[()]/g, '\\$&')}$`),
    ],
    [
      'projected: {sources: [{serviceAccountToken: {path: t, expirationSeconds: 4294967297}}]}',
      /expirationSeconds: must be between/,
    ],
    ['secret: {secretName: a}\n---\nsecret: {secretName: b}', 'volume: must be one document, not 2'],
    ['secret: [', /^volume: line 1, column \d+: /],
  ])('in %j', (text, fault) => {
    const faults = faultsOf(text);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toEqual(typeof fault === 'string' ? fault : expect.stringMatching(fault));
    expect(faults[0]).not.toContain('hunter2');
  });

  it('comes with all the others', () => {
    const text = `
      projected:
        defaultMode: "0400"
        sources:
          - secret: {name: A, items: [{key: k, path: a}, {path: a, mode: 999}]}
            configMap: {nam: b}
          - downwardAPI: {items: [{path: a/b, fieldRef: {}, resourceFieldRef: {}}]}
        extra: 1
      request: {}`;
    expect(
      faultsOf(text)
        .map((line) => line.split(': ')[0])
        .sort(),
    ).toEqual(
      [
        'volume',
        'volume.projected.defaultMode',
        'volume.projected.extra',
        'volume.projected.sources[0]',
        'volume.projected.sources[0].configMap.nam',
        'volume.projected.sources[0].configMap.name',
        'volume.projected.sources[0].secret.items[1].key',
        'volume.projected.sources[0].secret.items[1].mode',
        'volume.projected.sources[0].secret.items[1].path',
        'volume.projected.sources[0].secret.name',
        'volume.projected.sources[1].downwardAPI.items[0]',
        'volume.projected.sources[1].downwardAPI.items[0].fieldRef.fieldPath',
        'volume.projected.sources[1].downwardAPI.items[0].path',
        'volume.projected.sources[1].downwardAPI.items[0].resourceFieldRef.containerName',
        'volume.projected.sources[1].downwardAPI.items[0].resourceFieldRef.resource',
      ].sort(),
    );
  });
});

describe('a divisor', () => {
  const faultsWith = (resource: string, divisor: unknown) => {
    const resourceFieldRef = { containerName: 'c', resource, divisor };
    return faultLines(parseVolumeSource({ downwardAPI: { items: [{ path: 'p', resourceFieldRef }] } }, ''));
  };

  it.each<[string, ...unknown[]]>([
    ['limits.cpu', '1', 1, '1m', '1000m', '0.001', '1.0', '0', null, undefined],
    ['requests.memory', '1', '1k', '1000', '1E', '1Ki', '1024Ki'],
  ])('of %s is taken in any spelling of what Kubernetes takes', (resource, ...divisors) => {
    expect(divisors.flatMap((divisor) => faultsWith(resource, divisor))).toEqual([]);
  });

  it.each<[string, ...unknown[]]>([
    ['limits.cpu', '2', '1k', '0.1', '1e0', '+1', '01', '1.', -1],
    ['requests.memory', '1m', '2Mi', '1e3', '1024', '10k', '512Mi'],
    ['limits.hugepages-2Mi', '1m', '2Mi'],
  ])('of %s is refused otherwise', (resource, ...divisors) => {
    for (const divisor of divisors)
      expect(faultsWith(resource, divisor)).toEqual([expect.stringMatching(/divisor: must be 1/)]);
  });
});

describe('paths that conflict', () => {
  const paths = (...given: string[]) => ({
    secret: { secretName: 's', items: given.map((path) => ({ key: 'k', path })) },
  });
  const sources = (...given: unknown[]) => ({ projected: { sources: given } });
  const duplicate = (path: string, first: string) => `conflicting duplicate paths: "${path}" is also at ${first}`;

  it.each<[string, unknown, string[]]>([
    ['the same in a plain volume: none, the later one wins', paths('a', 'a'), []],
    [
      'the same in projected sources',
      sources({ secret: { name: 's', items: paths('a', 'a').secret.items } }),
      [`projected.sources[0].secret.items[1].path: ${duplicate('a', 'projected.sources[0].secret.items[0].path')}`],
    ],
    [
      'the same in another spelling',
      paths('a/b', './a//b/'),
      [`secret.items[1].path: ${duplicate('a/b', 'secret.items[0].path')}`],
    ],
    [
      'a file that is needed as a directory',
      paths('a', 'a/b'),
      ['secret.items[1].path: "a/b" needs "a" as a directory, which is a file at secret.items[0].path'],
    ],
    [
      'the same the other way round, and far above',
      paths('a/b/c', 'a'),
      ['secret.items[0].path: "a/b/c" needs "a" as a directory, which is a file at secret.items[1].path'],
    ],
    [
      'across sources of any kind, but for a token',
      sources(
        { secret: { name: 's', items: [{ key: 'k', path: 'a' }] } },
        { serviceAccountToken: { path: 'a' } },
        { downwardAPI: { items: [{ path: './a', fieldRef: { fieldPath: 'metadata.name' } }] } },
        { request: { items: [{ key: 'k', path: 'a/x' }] } },
      ),
      [
        `projected.sources[2].downwardAPI.items[0].path: ${duplicate('a', 'projected.sources[0].secret.items[0].path')}`,
        'projected.sources[3].request.items[0].path: "a/x" needs "a" as a directory, which is a file at projected.sources[0].secret.items[0].path',
      ],
    ],
    ['beside each other: none', paths('a', 'ab', 'b/a', 'b/c', 'a.b'), []],
    ['whole objects: none that can be known', sources({ secret: { name: 'a' } }, { secret: { name: 'a' } }), []],
  ])('%s', (_, raw, faults) => {
    expect(faultLines(parseVolumeSource(raw, ''))).toEqual(faults);
  });
});

describe('a spec', () => {
  it('is the same after it went through JSON', () => {
    fc.assert(
      fc.property(arbitrarySpec, (spec) => {
        const text = JSON.stringify(volumeSpecToJson(spec));
        expect(orThrow(parseVolumeSource(JSON.parse(text), ''))).toStrictEqual(spec);
      }),
    );
  });

  it.each([
    '{"secret":{"secretName":"db","optional":false,"defaultMode":256}}',
    '{"configMap":{"name":"c","items":[{"key":"k","path":"a/b","mode":256}],"optional":true,"defaultMode":420,"defaultUser":1}}',
    '{"downwardAPI":{"items":[{"path":"l","fieldRef":{"fieldPath":"metadata.labels"}}],"defaultMode":420}}',
    '{"request":{"defaultMode":420,"defaultGroup":0}}',
    '{"projected":{"sources":[],"defaultMode":420}}',
    '{"projected":{"sources":[{"serviceAccountToken":{"audience":"a","expirationSeconds":600,"path":"t"}}],"defaultMode":420}}',
    '{"projected":{"sources":[{"secret":{"name":"a","optional":false}},{"request":{}}],"defaultMode":420}}',
  ])('keeps its shape: %s', (text) => {
    expect(JSON.stringify(volumeSpecToJson(orThrow(parseVolumeSourceText(text, ''))))).toBe(text);
  });
});

describe('a definition', () => {
  it('is the same after it went through JSON', () => {
    const named = { kind: 'named', projectedVolume: 'p' } as const;
    expect(definitionToJson(named)).toEqual({ projectedVolume: 'p' });
    expect(orThrow(parseDefinition(definitionToJson(named), ''))).toEqual(named);
    fc.assert(
      fc.property(arbitrarySpec, (spec) => {
        const definition = { kind: 'inline', spec } as const;
        expect(orThrow(parseDefinition(definitionToJson(definition), ''))).toStrictEqual(definition);
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    [{}, 'd: must have exactly one of projectedVolume, source; none is there'],
    [
      { projectedVolume: 'p', source: { request: {} } },
      'd: must have exactly one of projectedVolume, source; projectedVolume and source are there',
    ],
    [{ source: { secret: {} } }, 'd.source.secret.secretName: is required'],
    [
      { projectedvolume: 'p', source: { request: {} } },
      'd.projectedvolume: unknown field; did you mean "projectedVolume"?',
    ],
    [null, 'd: must be a mapping, not null'],
  ])('%j is refused', (raw, fault) => {
    expect(faultLines(parseDefinition(raw, 'd'))).toEqual([fault]);
  });
});

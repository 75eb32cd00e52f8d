import fc from 'fast-check';
import { expect, test } from 'vitest';
import { widthOf } from '../../../../src/cli/output/fit.ts';
import { printable, styleFor } from '../../../../src/cli/output/text.ts';
import {
  describeDefinition,
  describeVolume,
  mountedPodText,
  podTable,
  volumeTable,
  wideVolumeTable,
} from '../../../../src/cli/output/volume-text.ts';
import type { Event__Output as WireEvent } from '../../../../src/rpc/generated/lantern/v1/Event.ts';
import type { Volume__Output as WireVolume } from '../../../../src/rpc/generated/lantern/v1/Volume.ts';
import type { VolumeDefinition__Output as WireDefinition } from '../../../../src/rpc/generated/lantern/v1/VolumeDefinition.ts';

const PLAIN = styleFor(false);
const SECRET: WireDefinition = { source: { secret: { secretName: 'db', items: [] } } };

const VOLUME: WireVolume = {
  volumeId: '/srv/app',
  namespace: 'default',
  state: 'STALE',
  generation: '..2026_11_23_12_00_00.1',
  definition: SECRET,
  files: [{ path: 'password', size: 12, mode: 0o400, user: 0, group: 1000 }],
  publications: [
    { targetPath: '/srv/app', subPath: '', pinnedGeneration: '' },
    { targetPath: '/srv/pw', subPath: 'password', pinnedGeneration: '..2026_11_22_12_00_00.1' },
  ],
  lastError: 'Secret default/db does not exist',
  problemSince: '2026-11-23T12:10:00.000Z',
  mountedAt: '2026-11-23T10:15:00.000Z',
  updatedAt: '2026-11-23T12:00:00.000Z',
  staleSince: '2026-11-23T12:00:00.000Z',
  objects: [
    { kind: 'Secret', name: 'db', resourceVersion: '4' },
    { kind: 'ConfigMap', name: 'opt', resourceVersion: '' },
  ],
  mountGroup: 1000,
  pod: { name: 'web', uid: 'u1', rootPath: '' },
};

const EVENT: WireEvent = {
  id: 'app.1',
  involvedObject: { kind: 'Volume', namespace: 'default', name: '/srv/app', uid: '', fieldPath: '' },
  type: 'WARNING',
  reason: 'FailedUpdate',
  message: 'Secret default/db does not exist',
  count: 1,
  firstTimestamp: '2026-11-23T12:10:00.000Z',
  lastTimestamp: '2026-11-23T12:10:00.000Z',
  host: 'n1',
};

const NOW = Date.parse('2026-11-23T12:15:00Z');

const VIEW = { now: NOW, style: PLAIN, width: undefined };
const ON_TERMINAL = { ...VIEW, width: 100 };
const READY: WireVolume = { ...VOLUME, state: 'READY', lastError: '', problemSince: '', staleSince: '' };

test('a row per volume', () => {
  const lost = { mountedAt: '', updatedAt: '', namespace: '', definition: null, pod: null };
  const volumes: WireVolume[] = [
    VOLUME,
    { ...READY, volumeId: 'b', pod: null, staleSince: '2026-11-23T12:14:30Z' },
    { ...VOLUME, ...lost, volumeId: 'c', state: 'DEGRADED', lastError: 'two\nlines' },
    READY,
  ];
  const stale = 'the store has been unreachable for 30s; newer contents may exist';
  expect(volumeTable(volumes, VIEW).split('\n')).toEqual([
    'VOLUME     NAMESPACE   STATE           AGE         UPDATED   POD      CONTENT     REASON',
    '/srv/app   default     stale (5m)      120m        15m       web      secret/db   Secret default/db does not exist',
    `b          default     ready           120m        15m       <none>   secret/db   ${stale}`,
    'c          <unknown>   degraded (5m)   <unknown>   <never>   <none>   <unknown>   two\\x0alines',
    '/srv/app   default     ready           120m        15m       web      secret/db',
  ]);
  expect(volumeTable(volumes, ON_TERMINAL).split('\n')).toEqual([
    'VOLUME     NAMESPACE   STATE           AGE         UPDATED   POD      CONTENT',
    '/srv/app   default     stale (5m)      120m        15m       web      secret/db',
    '  Reason: Secret default/db does not exist',
    'b          default     ready           120m        15m       <none>   secret/db',
    `  Reason: ${stale}`,
    'c          <unknown>   degraded (5m)   <unknown>   <never>   <none>   <unknown>',
    '  Reason: two\\x0alines',
    '/srv/app   default     ready           120m        15m       web      secret/db',
  ]);
  expect(volumeTable([READY], ON_TERMINAL)).toBe(volumeTable([READY], VIEW));
  const wide = wideVolumeTable([VOLUME], ON_TERMINAL);
  const targets = '/srv/app, /srv/pw [password]';
  expect(wide).toContain(`1       ${targets}   ..2026_11_23_12_00_00.1   Secret default/db does not exist`);
});

test('one volume with all there is to say', () => {
  const newest = new Map([
    ['Secret db', undefined],
    ['ConfigMap opt', '9'],
  ]);
  expect(describeVolume({ volume: VOLUME, newest, events: [EVENT] }, VIEW).split('\n')).toEqual([
    'Volume:             /srv/app',
    'Namespace:          default',
    'Pod:                default/web (u1)',
    'Content:            secret/db',
    'Mounted:            2026-11-23T10:15:00.000Z (120m ago)',
    'Last updated:       2026-11-23T12:00:00.000Z (15m ago)',
    'Generation:         ..2026_11_23_12_00_00.1',
    'Mount group:        1000',
    'State:              stale',
    'Since:              2026-11-23T12:10:00.000Z (5m ago)',
    'No contact since:   2026-11-23T12:00:00.000Z (15m ago)',
    'Reason:             Secret default/db does not exist',
    '',
    'OBJECT          REVISION   IN STORE',
    'Secret db       4          <absent>',
    'ConfigMap opt   <absent>   9 (not shown)',
    '',
    'FILE       MODE   OWNER    SIZE',
    'password   0400   0:1000   12 B',
    '',
    'TARGET     SUB-PATH   GENERATION',
    '/srv/app   <whole>    <current>',
    '/srv/pw    password   ..2026_11_22_12_00_00.1 (pinned, outdated)',
    '',
    'Events:',
    '  Type     Reason        Age  From         Message',
    '  ----     ------        ---  ----         -------',
    '  Warning  FailedUpdate  5m   lantern, n1  Secret default/db does not exist',
  ]);
  const well = describeVolume({ volume: READY, newest: new Map(), events: [] }, VIEW);
  expect(well).toContain('\nState:          ready\n\nOBJECT          REVISION\nSecret db       4\n');
  expect(well).toMatch(/\n\nEvents: {2}<none>$/);
});

/** Ids as orchestrators make them, and names as people do. */
const text = fc.oneof(
  fc.stringMatching(/^csi-[0-9a-f]{64}$/),
  fc.string({ unit: 'grapheme', maxLength: 120 }),
  fc.stringMatching(/^[a-z/ ]{0,200}$/),
);
const anyVolume = fc
  .record({ volumeId: text, namespace: fc.stringMatching(/^[a-z]{1,63}$/), name: text, target: text, lastError: text })
  .map(({ name, target, ...rest }): WireVolume => {
    const publications = Array.from({ length: 9 }, () => ({ targetPath: target, subPath: name, pinnedGeneration: '' }));
    return { ...VOLUME, ...rest, publications, pod: { name, uid: 'u1', rootPath: '' } };
  });

test('whatever the names, a terminal of 100 columns is wide enough, and no reason is cut', () => {
  fc.assert(
    fc.property(fc.array(anyVolume, { minLength: 1, maxLength: 4 }), (volumes) => {
      const shown = [
        volumeTable(volumes, ON_TERMINAL),
        ...volumes.map((volume) => describeVolume({ volume, newest: new Map(), events: [EVENT] }, ON_TERMINAL)),
      ];
      for (const line of shown.join('\n').split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(100);
      const bare = (words: string) => printable(words).replace(/\s/g, '');
      for (const { lastError } of volumes) expect(bare(shown[0] ?? '')).toContain(bare(lastError));
    }),
  );
});

test.each<[WireDefinition | null, string]>([
  [null, '<unknown>'],
  [{ projectedVolume: 'all' }, 'projectedvolume/all'],
  [SECRET, 'secret/db'],
  [{ source: { configMap: { name: 'c', items: [] } } }, 'configmap/c'],
  [{ source: { downwardApi: { items: [] } } }, 'downwardAPI'],
  [{ source: { request: { items: [] } } }, 'request'],
  [{ source: { projected: { sources: [] } } }, '<nothing>'],
  [
    {
      source: {
        projected: {
          sources: [
            {
              secret: { name: 's', items: [] },
              configMap: null,
              downwardApi: null,
              serviceAccountToken: null,
              request: null,
            },
            {
              secret: null,
              configMap: { name: 'c', items: [] },
              downwardApi: null,
              serviceAccountToken: null,
              request: null,
            },
            { secret: null, configMap: null, downwardApi: { items: [] }, serviceAccountToken: null, request: null },
            {
              secret: null,
              configMap: null,
              downwardApi: null,
              serviceAccountToken: { audience: '', path: 't' },
              request: null,
            },
            { secret: null, configMap: null, downwardApi: null, serviceAccountToken: null, request: { items: [] } },
          ],
        },
      },
    },
    'secret/s, configmap/c, downwardAPI, serviceAccountToken, request',
  ],
])('%j in a few words', (definition, words) => {
  expect(describeDefinition(definition)).toBe(words);
});

const POD = {
  namespace: 'a-namespace-with-a-rather-long-name',
  name: 'an-application-with-a-rather-long-name-0',
  uid: '',
  rootPath: '/var/lib/lantern/pods/an-application-with-a-rather-long-name-0',
  volumes: [
    {
      name: 'the-credentials-of-the-application',
      volumeId: 'pod-1',
      state: 'STALE' as const,
      lastError: 'Secret default/the-credentials-of-the-application does not exist',
      publications: [],
    },
  ],
};
const MOUNT = {
  volumeName: 'the-credentials-of-the-application',
  mountPath: '/etc/credentials/of/the/application',
  targetPath: `${POD.rootPath}/application-container/etc/credentials/of/the/application`,
  subPath: 'password',
  readOnly: true,
};
const CONTAINER = { name: 'application-container', image: '', init: false, environment: [], credentials: [] };

test.each([
  ['mounts of a pod', (width?: number) => tableOfMounts(width), MOUNT.targetPath],
  ['pods', (width?: number) => podTable([POD], true, { style: PLAIN, width }), POD.volumes[0]?.lastError ?? ''],
])('a table of %s fits a terminal, and is in full elsewhere', (_, table, longest) => {
  for (const line of table(100).split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(100);
  expect(table()).toContain(longest);
  expect(table()).not.toContain('…');
});

/** Without the first line, whose path may be copied. */
function tableOfMounts(width?: number): string {
  const response = { pod: POD, containers: [{ ...CONTAINER, mounts: [MOUNT] }], notices: [] };
  return mountedPodText(response, width).split('\n').slice(1).join('\n');
}

import { expect, test } from 'vitest';
import { styleFor } from '../../../../src/cli/output/text.ts';
import { describeDefinition, describeVolume, volumeTable } from '../../../../src/cli/output/volume-text.ts';
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
  updatedAt: '2026-11-23T12:00:00.000Z',
  staleSince: '2026-11-23T12:00:00.000Z',
  objects: [
    { kind: 'Secret', name: 'db', resourceVersion: '4' },
    { kind: 'ConfigMap', name: 'opt', resourceVersion: '' },
  ],
  mountGroup: 1000,
  pod: { name: 'web', uid: 'u1', rootPath: '' },
};

const NOW = Date.parse('2026-11-23T12:15:00Z');

test('a row per volume', () => {
  const volumes = [
    VOLUME,
    { ...VOLUME, volumeId: 'b', state: 'READY' as const, problemSince: '', pod: null, publications: [], files: [] },
  ];
  expect(volumeTable(volumes, false, NOW, PLAIN).split('\n')).toEqual([
    'VOLUME     NAMESPACE   STATE        UPDATED   POD      CONTENT     FILES   TARGETS',
    '/srv/app   default     stale (5m)   15m       web      secret/db   1       /srv/app (+1)',
    'b          default     ready        15m       <none>   secret/db   0       <none>',
  ]);
  const wide = volumeTable([VOLUME], true, NOW, PLAIN);
  expect(wide).toContain('/srv/app, /srv/pw [password]   ..2026_11_23_12_00_00.1   Secret default/db does not exist');
});

test('one volume with all there is to say', () => {
  expect(describeVolume(VOLUME, PLAIN).split('\n')).toEqual([
    'Volume:         /srv/app',
    'Namespace:      default',
    'State:          stale',
    'Since:          2026-11-23T12:10:00.000Z',
    'Last error:     Secret default/db does not exist',
    'Stale since:    2026-11-23T12:00:00.000Z',
    'Content:        secret/db',
    'Last updated:   2026-11-23T12:00:00.000Z',
    'Pod:            default/web (u1)',
    'Generation:     ..2026_11_23_12_00_00.1',
    'Mount group:    1000',
    '',
    'OBJECT          REVISION',
    'Secret db       4',
    'ConfigMap opt   <absent>',
    '',
    'FILE       MODE   OWNER    SIZE',
    'password   0400   0:1000   12 B',
    '',
    'TARGET     SUB-PATH   GENERATION',
    '/srv/app   <whole>    <current>',
    '/srv/pw    password   ..2026_11_22_12_00_00.1 (pinned)',
  ]);
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

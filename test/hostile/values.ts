import { OBJECT_KINDS } from '../../src/objects/object.ts';
import type { Random } from './random.ts';

/** Part of every secret that is planted: none of it may be in a log or an error. */
export const MARKER = 'MARKERSECRET';

export const SECRETS = ['sec0', 'sec1'];
const NAMES = [...SECRETS, 'cm0', 'pv0', 'sa0', 'k', 'default'];
const KEYS_OF_CONTEXT = [
  ...['spec', 'secretName', 'configMapName', 'items', 'defaultMode', 'optional', 'projectedVolume', 'subPath'],
  ...['pod.name', 'pod.namespace', 'pod.uid', 'serviceAccount.name', 'serviceAccount.tokens', 'ephemeral'].map(
    (key) => `csi.storage.k8s.io/${key}`,
  ),
  ...['podLabels', 'podAnnotations', 'mountGroup', 'user', '__proto__', 'constructor'],
];

/**
 * Text that parsers, paths, logs and terminals have stumbled over. No secret is among it: what is named wrongly is
 * named in the error.
 */
const ODD = [
  ...['', '.', '..', '../..', '/', '//', 'a/../b', '..data', '..data/k', '...', '..2026', 'a/b/c', '~', '-rf'],
  ...['\0', 'a\0b', '\u202e', '\ud800', '\x1b[31mred', 'a\nlevel=error forged', '%2e%2e', '$(id)', '`id`'],
  ...['__proto__', 'constructor', 'hasOwnProperty', 'NaN', '1e309', '-1', '0777', '0x1ff', 'null', 'true', '[]', '"'],
  ...['9'.repeat(40), 'a'.repeat(253), 'a'.repeat(256), 'é'.repeat(128), 'a'.repeat(5_000), '['.repeat(50_000)],
  ...['{"a":'.repeat(2_000), "metadata.labels['a']", 'limits.cpu', `metadata.labels["${'a'.repeat(300)}"]`],
];

const ALIASES = ['a: &a [x,x,x,x,x,x,x,x]', ...['b', 'c', 'd', 'e', 'f'].map(aliasLine)].join('\n');

/** Manifests and specs, good, bad and made to be expensive. */
const YAML = [
  'secret: {secretName: sec0}',
  'secret: {secretName: sec0, items: [{key: k, path: ../../etc/x}]}',
  'projected: {sources: [{secret: {name: sec0}}, {configMap: {name: cm0}}, {serviceAccountToken: {path: t}}]}',
  `${ALIASES}\nsecret: *f`,
  '&a [*a]',
  '<<: {a: 1}\n__proto__: {x: 1}',
  '!!js/function "x"',
  `!!binary ${MARKER}`,
  `--- >\n${MARKER}`,
  `{"secret": {"secretName": "${MARKER}`,
  '? [a]\n: b',
  'secret: '.repeat(1_000),
  `${'- '.repeat(20_000)}a`,
  '{'.repeat(20_000),
  `a: |\n${' x\n'.repeat(20_000)}`,
  'secret: {secretName: sec0, defaultMode: 0777777777777777777777}',
  'secret: {secretName: sec0, secretName: sec1}',
  '%YAML 1.2\n---\n...\n---\n',
  '"\\ud800"',
  '-.inf: .nan',
];

const POD = (mountPath: string, path: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', uid: 'u' },
  spec: {
    containers: [{ name: 'c', image: 'i', volumeMounts: [{ name: 'v', mountPath }] }],
    volumes: [{ name: 'v', secret: { secretName: 'sec0', items: [{ key: 'k', path }] } }],
  },
});

const INTEGERS = [0, 1, -1, 256, 0o400, 0o777, 0o1000, 600, 3_600, 1_000, 2 ** 31 - 1];

export function oddText(random: Random): string {
  return random.chance(0.02) ? 'a'.repeat(random.pick([65_536, 300_000])) : random.pick(ODD);
}

/** A path that a caller might name as a target: `targets` is the only root where one may be. */
function target(random: Random, targets: string): string {
  const own = `${targets}/t${random.below(20)}`;
  const strange = [
    ...[`${own}/x`, `${targets}/../outside/t`, targets, `${targets}/`, `${targets}//t1`, `${targets}/./t2`],
    ...[`${targets}/link/x`, `${targets}/link`, `${targets}/file`, `${targets}/file/x`, `${targets}/../run/pools/x`],
    ...['/proc/self/fd/3/x', '/proc/1/root/tmp/x', `${targets}/${'d/'.repeat(3_000)}`, `${targets}/a\n1`],
    ...[`${targets}/${'a'.repeat(256)}`, `${targets}/../home/data`, `${targets}/../run/lantern.sock`],
  ];
  return random.chance(0.7) ? own : random.pick(strange);
}

function definition(random: Random): string {
  if (random.chance(0.4)) return random.pick(YAML);
  if (random.chance(0.3)) return JSON.stringify(POD(random.pick(['/a', '//', '/a/../x', '/..data']), oddText(random)));
  const items = [{ key: 'k', path: oddText(random), mode: random.pick([0, 0o777, -1, 1e9, 0.5]) }];
  return JSON.stringify({ secret: { secretName: random.pick(SECRETS), items } });
}

/** Usual values for a field of this name, so that calls often pass their first check. */
export function textFor(field: string, random: Random, targets: string): string {
  if (!random.chance(0.85)) return oddText(random);
  if (/target|root_path|staging/.test(field)) return target(random, targets);
  if (/sub_path|^path$/.test(field)) return random.pick(['k', '', 'a/b', '../x', '..data/k', 'k/../k']);
  if (/manifest|spec/.test(field)) return definition(random);
  if (/volume_id/.test(field)) return `vol${random.below(12)}`;
  if (/namespace/.test(field)) return random.pick(['', 'default', 'other']);
  if (/kind/.test(field)) return random.pick(OBJECT_KINDS);
  if (/type/.test(field)) return random.pick(['Opaque', 'kubernetes.io/tls', 'kubernetes.io/dockerconfigjson']);
  return /name|key/.test(field) ? random.pick(NAMES) : oddText(random);
}

export function contextKey(random: Random): string {
  return random.chance(0.9) ? random.pick(KEYS_OF_CONTEXT) : oddText(random);
}

export function bytes(random: Random): Buffer {
  const login = { auths: { '*.x': { auth: Buffer.from(`u:${MARKER}`).toString('base64') } } };
  const some = [Buffer.from(MARKER), Buffer.alloc(0), Buffer.from([0xff, 0xfe, 0]), Buffer.from(JSON.stringify(login))];
  return random.chance(0.9) ? random.pick(some) : Buffer.alloc(random.pick([10, 1_000, 200_000]), 'A');
}

export function integer(random: Random, isUnsigned: boolean): number {
  const value = random.pick(INTEGERS);
  return isUnsigned ? Math.abs(value) : value;
}

function aliasLine(name: string): string {
  const before = String.fromCharCode(name.charCodeAt(0) - 1);
  return `${name}: &${name} [${Array(9).fill(`*${before}`).join(',')}]`;
}

import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import { ask } from './kubernetes-yaml.mjs';
import { runTool } from './run-tool.mjs';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** Everything that a cluster may have written into an object's metadata. */
const METADATA = {
  name: 'full',
  generateName: 'fu',
  namespace: 'trips',
  labels: { app: 'x', yes: 'on', empty: '' },
  annotations: { note: 'a\n\tb\n', blank: '   ', octal: '0o7' },
  uid: '1c2d3e4f',
  resourceVersion: '4711',
  generation: 2,
  creationTimestamp: '2026-11-23T19:24:08Z',
  deletionTimestamp: '2026-11-23T19:24:09Z',
  deletionGracePeriodSeconds: 0,
  selfLink: '/api/v1/x',
  finalizers: ['example.com/f'],
  ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', controller: true, blockOwnerDeletion: true }],
  managedFields: [
    {
      manager: 'kubectl',
      operation: 'Update',
      apiVersion: 'v1',
      time: '2026-11-23T19:24:08Z',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:data': {} },
    },
  ],
};

/** One object of each kind, whole. */
const OBJECTS = [
  { apiVersion: 'v1', kind: 'Secret', metadata: METADATA, type: 'Opaque', data: { a: 'aGVsbG8=', '0x1': '' } },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: METADATA,
    data: { blank: '   ', tab: '\ta\n', lines: 'a\n  b\n\n', separator: 'a\u2028', number: '0B11', no: 'no' },
    binaryData: { bytes: '/wA=' },
  },
  {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: METADATA,
    secrets: [
      {
        kind: 'Secret',
        namespace: 'trips',
        name: 's',
        uid: 'u',
        apiVersion: 'v1',
        resourceVersion: '4',
        fieldPath: 'x',
      },
    ],
    imagePullSecrets: [{ name: 'p' }],
    automountServiceAccountToken: false,
  },
];

/**
 * Objects as kubectl prints them are applied; what `get -o yaml` then prints is decoded by Kubernetes, strictly, and
 * compared.
 *
 * @param {string} program
 * @param {import('./fresh-daemon.mjs').FreshDaemon} daemon
 * @param {AbortSignal} signal
 * @returns {Promise<{ passed: number, problems: readonly string[] }>}
 */
export async function runRoundTrips(program, { lanternSocket }, signal) {
  const lantern = async (/** @type {string[]} */ args, input = '') =>
    await runTool(process.execPath, [MAIN, ...args, '--socket', lanternSocket], { input, signal });
  const printed = await ask(
    program,
    OBJECTS.map((object) => ({ do: 'print', text: inAscii(object) })),
    signal,
  );
  const problems = [];
  for (const [index, object] of OBJECTS.entries()) {
    const { text: theirs = '', error } = printed[index] ?? {};
    if (error !== undefined) throw new Error(`${object.kind}: ${error}`);
    const { code, stderr } = await lantern(['apply', '-f', '-'], theirs);
    if (code !== 0) {
      problems.push(`apply of ${object.kind}: ${stderr.trim()}\n${theirs}`);
      continue;
    }
    const got = await lantern(['get', object.kind, 'full', '-n', 'trips', '-o', 'yaml']);
    const [back] = await ask(program, [{ do: 'print', text: got.stdout }], signal);
    if (back?.error !== undefined) problems.push(`${object.kind}, decoded by Kubernetes: ${back.error}\n${got.stdout}`);
    else if (!isDeepStrictEqual(kept(parse(back?.text ?? '')), kept(object))) {
      problems.push(`${object.kind} came back as\n${back?.text}`);
    }
  }
  return { passed: OBJECTS.length - problems.length, problems };
}

/** The fields that a user sets. @param {Record<string, any>} manifest */
function kept({ metadata: { name, namespace, labels, annotations }, secrets, ...rest }) {
  const names = secrets?.map((/** @type {{ name: string }} */ reference) => reference.name);
  return { ...rest, metadata: { name, namespace, labels, annotations }, secrets: names };
}

/** JSON that is YAML too, which knows fewer characters. @param {unknown} value */
function inAscii(value) {
  return JSON.stringify(value).replace(
    /[\u007F-\uFFFF]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

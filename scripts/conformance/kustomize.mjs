import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { dirSync } from 'tmp';
import { parseAllDocuments } from 'yaml';
import { KUSTOMIZE_CASES } from './kustomize-cases.mjs';
import { runTool } from './run-tool.mjs';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(TOP, 'dist/main.js');

/** @typedef {Record<string, any>} Manifest */

/**
 * Builds every case with kustomize and with `lantern kustomize`, and compares the objects. A difference must be one
 * that docs/differences.md tells.
 *
 * @param {string} path of kustomize
 * @param {AbortSignal} signal
 * @returns {Promise<{ passed: number, problems: readonly string[] }>}
 */
export async function runKustomize(path, signal) {
  const page = readFileSync(join(TOP, 'docs/differences.md'), 'utf8');
  /** @type {string[]} */
  const problems = [];
  for (const tree of KUSTOMIZE_CASES) {
    const { decided, ours, outcome = 'same' } = tree;
    const { theirs, lanterns, text } = await withTree(tree, async (directory) => {
      const [built, printed] = await Promise.all([
        runTool(path, ['build', directory], { signal }),
        runTool(process.execPath, [MAIN, 'kustomize', directory], { signal }),
      ]);
      return { theirs: manifestsOf(built), lanterns: manifestsOf(printed), text: `${built.stderr}${printed.stderr}` };
    });
    const complain = (/** @type {string} */ why) => {
      const shown = { kustomize: theirs ?? 'refused', lantern: lanterns ?? 'refused' };
      problems.push(`${tree.name}: ${why}\n${JSON.stringify(shown, undefined, 2)}\n${text}`);
    };
    if (decided !== undefined) {
      const expected = ours === undefined || ours === 'refused' ? undefined : sorted(ours);
      if (!isDeepStrictEqual(lanterns, expected)) complain('not what was decided');
      if (isDeepStrictEqual(theirs, lanterns)) complain('they no longer differ');
      if (!page.includes(decided)) complain(`docs/differences.md does not say "${decided}"`);
    } else if (outcome === 'both refuse') {
      if (theirs !== undefined || lanterns !== undefined) complain('both were to refuse it');
    } else if (theirs === undefined || !isDeepStrictEqual(lanterns, theirs)) {
      complain('the objects differ');
    }
  }
  return { passed: KUSTOMIZE_CASES.length - problems.length, problems };
}

/**
 * `kustomize build DIR | lantern apply -f -`, which messages recommend, with what only kustomize can do.
 *
 * @param {string} path of kustomize
 * @param {import('./fresh-daemon.mjs').FreshDaemon} daemon
 * @param {AbortSignal} signal
 * @returns {Promise<{ passed: number, problems: readonly string[] }>}
 */
export async function runKustomizePipe(path, { lanternSocket }, signal) {
  const files = {
    'kustomization.yaml':
      'namespace: piped\nresources: [m.yaml, pod.yaml]\nsecretGenerator: [{name: s, files: [long.txt]}]\n' +
      'patches: [{target: {kind: Pod}, patch: \'[{"op": "add", "path": "/spec/hostname", "value": "h"}]\'}]\n' +
      'replacements: [{source: {kind: ConfigMap, fieldPath: data.a}, targets: [{select: {kind: ConfigMap}, fieldPaths: [data.b]}]}]\n',
    'm.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: "0400", b: "2"}\n',
    'pod.yaml': 'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i}]}\n',
    'long.txt': 'x'.repeat(200),
  };
  const lantern = async (/** @type {string[]} */ args, /** @type {string} */ input = '') =>
    await runTool(process.execPath, [MAIN, ...args, '--socket', lanternSocket], { input, signal });
  const built = await withTree({ name: 'pipe', files }, (directory) => runTool(path, ['build', directory], { signal }));
  const applied = await lantern(['apply', '-f', '-'], built.stdout);
  const map = await lantern(['get', 'configmap/m', '-n', 'piped', '-o', 'json']);
  const secrets = await lantern(['get', 'secrets', '-n', 'piped', '-o', 'json']);
  /** @type {[string, boolean, string][]} */
  const checks = [
    ['apply', applied.code === 0, applied.stderr],
    ['the replacement', map.stdout.includes('"b": "0400"'), `${map.stdout}${map.stderr}`],
    ['the Secret', secrets.stdout.includes(Buffer.from(files['long.txt']).toString('base64')), secrets.stderr],
  ];
  const problems = checks.filter(([, isGood]) => !isGood).map(([what, , got]) => `${what}: ${got.trim()}`);
  return { passed: checks.length - problems.length, problems };
}

/**
 * @template T
 * @param {import('./kustomize-cases.mjs').KustomizeCase} tree
 * @param {(directory: string) => Promise<T>} use
 */
async function withTree({ files, at = '.' }, use) {
  const { name: directory, removeCallback } = dirSync({ template: 'lantern-kustomize-XXXXXX', unsafeCleanup: true });
  try {
    for (const [path, contents] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), contents);
    }
    return await use(join(directory, at));
  } finally {
    removeCallback();
  }
}

/** Undefined where the build was refused. @param {{ code: number, stdout: string }} result */
function manifestsOf({ code, stdout }) {
  return code === 0 ? sorted(stdout) : undefined;
}

/**
 * In an order of their own, as theirs has no meaning, and base64 in one line.
 *
 * @param {string} text
 * @returns {Manifest[]}
 */
function sorted(text) {
  const manifests = parseAllDocuments(text, { version: '1.1' }).map(
    (document) => /** @type {Manifest} */ (document.toJS()),
  );
  return manifests
    .filter((manifest) => manifest !== null)
    .map((manifest) => inOneLine(manifest))
    .sort((a, b) => (identityOf(a) < identityOf(b) ? -1 : 1));
}

/** @param {Manifest} manifest */
function identityOf({ apiVersion, kind, metadata }) {
  return [apiVersion, kind, metadata.namespace, metadata.name].join('/');
}

/** @param {Manifest} manifest @returns {Manifest} */
function inOneLine(manifest) {
  const field = manifest.kind === 'Secret' ? 'data' : 'binaryData';
  if (manifest[field] === undefined || manifest[field] === null) return manifest;
  const values = Object.entries(manifest[field]).map(([key, value]) => [key, String(value).replaceAll('\n', '')]);
  return { ...manifest, [field]: Object.fromEntries(values) };
}

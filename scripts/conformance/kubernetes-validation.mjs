import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { isKubernetesApiCurrent } from '../kubernetes-api.mjs';
import { runTool } from './run-tool.mjs';
import { SEED } from './seed.mjs';
import { DECIDED } from './validation-differences.mjs';
import { mutationsOf } from './validation-mutations.mjs';
import { OBJECT_CASES, VALID_OBJECTS } from './validation-objects.mjs';
import { VALID_PODS, withContainer, withVariable } from './validation-pod.mjs';
import { POD_CASES } from './validation-pods.mjs';

/** @typedef {import('./validation-values.mjs').Case} Case */
/** @typedef {{ passed: number, problems: readonly string[] }} Results */
/** @typedef {(object: unknown) => readonly string[]} Judge what is wrong with an object; nothing where it would be created */

const TOP = fileURLToPath(new URL('../..', import.meta.url));

/** An API server's decoder and validation; its main.go says how it is asked. The first build takes minutes. */
export const KUBERNETES_VALIDATION = {
  name: 'kubernetes-validation',
  directory: join(TOP, 'scripts/conformance/kubernetes-validation'),
  go: /** @type {const} */ ([1, 24]),
};

/** Checks that src/objects/kubernetes-api.ts is up to date. @returns {Results} */
export function checkKubernetesApi() {
  if (isKubernetesApiCurrent()) return { passed: 1, problems: [] };
  return { passed: 0, problems: ['src/objects/kubernetes-api.ts is not what "npm run kubernetes-api" makes: run it'] };
}

/**
 * Pods and objects, some that are well, each with every slip that can be made in it, and tables of what is at the edge
 * of a rule: both must take them, or both refuse. A difference must be one that docs/differences.md tells.
 *
 * @param {string} program
 * @param {AbortSignal} signal
 * @returns {Promise<{ pods: Results, objects: Results, decisions: Results }>}
 */
export async function runKubernetesValidation(program, signal) {
  const { judgePod, judgeObject } = await lantern();
  const pods = [...withMutations(VALID_PODS), ...POD_CASES, ...randomQuantities()];
  const objects = [...withMutations(VALID_OBJECTS), ...OBJECT_CASES];
  const used = new Set();
  const results = {
    pods: compare(pods, await ask(program, pods, signal), judgePod, used),
    objects: compare(objects, await ask(program, objects, signal), judgeObject, used),
  };
  const page = readFileSync(join(TOP, 'docs/differences.md'), 'utf8');
  const unfounded = DECIDED.flatMap((difference) => {
    const { phrase } = difference;
    if (!page.includes(phrase)) return [`docs/differences.md does not say "${phrase}"`];
    return used.has(difference) ? [] : [`"${phrase}": they no longer differ`];
  });
  return { ...results, decisions: { passed: DECIDED.length - unfounded.length, problems: unfounded } };
}

/** @param {readonly object[]} objects @returns {Case[]} */
function withMutations(objects) {
  return objects.flatMap((object, index) => {
    const { kind } = /** @type {{ kind: string }} */ (object);
    const named = mutationsOf(object).map((mutation) => ({ ...mutation, name: `${kind} ${index}: ${mutation.name}` }));
    return [{ name: `${kind} ${index}`, object }, ...named];
  });
}

const RANDOM_QUANTITIES = 1_000;

/** Texts that are nearly quantities, as limits and as divisors. @returns {Case[]} */
function randomQuantities() {
  const text = fc.string({ unit: fc.constantFrom(...'0123456789.+-eEkKMmGTPiun '), minLength: 1, maxLength: 6 });
  return fc.sample(text, { numRuns: RANDOM_QUANTITIES, seed: SEED }).flatMap((amount) => [
    { name: `the limit "${amount}"`, object: withContainer({ resources: { limits: { memory: amount } } }) },
    {
      name: `the divisor "${amount}"`,
      object: withVariable({ resourceFieldRef: { resource: 'limits.memory', divisor: amount } }),
    },
  ]);
}

/**
 * @param {readonly Case[]} cases
 * @param {readonly (readonly string[])[]} answers
 * @param {Judge} judge
 * @param {Set<unknown>} used receives the members of DECIDED that were found
 * @returns {Results}
 */
function compare(cases, answers, judge, used) {
  const problems = cases.flatMap(({ name, object }, index) => {
    const theirs = answers[index] ?? [];
    const ours = judge(JSON.parse(JSON.stringify(object)));
    if (ours.length > 0 === theirs.length > 0) return [];
    const by = ours.length > 0 ? 'Lantern' : 'Kubernetes';
    const faults = [...ours, ...theirs];
    const decided = DECIDED.filter(({ refusedBy }) => refusedBy === by);
    const matching = faults.map((fault) => decided.find(({ fault: pattern }) => pattern.test(`${fault} (${name})`)));
    for (const each of matching) used.add(each);
    return matching.includes(undefined) ? [`${name}: ${by} alone refuses it: ${faults.join('; ').slice(0, 300)}`] : [];
  });
  return { passed: cases.length - problems.length, problems };
}

/** Lantern's own parsers, compiled. @returns {Promise<{ judgePod: Judge, judgeObject: Judge }>} */
async function lantern() {
  const load = (/** @type {string} */ path) => import(pathToFileURL(join(TOP, '.cache/tools/src', path)).href);
  const [{ parsePod }, { parseObject }] = await Promise.all([
    load('spec/pod/pod.js'),
    load('objects/manifest/parse-manifest.js'),
  ]);
  const faultsIn = (/** @type {any} */ result) =>
    result.ok ? [] : result.faults.map((/** @type {any} */ { field, message }) => `${field}: ${message}`);
  return {
    // Names of variables as the flag --relaxed-environment-names has them, which is how Kubernetes judges today.
    judgePod: (object) => faultsIn(parsePod(object, 'default', 'relaxed')),
    judgeObject: (object) => faultsIn(parseObject(object, 'default')),
  };
}

/**
 * @param {string} program
 * @param {readonly Case[]} cases
 * @param {AbortSignal} signal
 * @returns {Promise<(readonly string[])[]>} each one's faults
 */
async function ask(program, cases, signal) {
  const input = cases.map(({ object }) => JSON.stringify({ object })).join('\n');
  const { code, stdout, stderr } = await runTool(program, [], { input, signal });
  if (code !== 0) throw new Error(`${program}: ${stderr.trim()}`);
  const answers = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).faults);
  if (answers.length !== cases.length)
    throw new Error(`${program}: ${answers.length} answers to ${cases.length} questions`);
  return answers;
}

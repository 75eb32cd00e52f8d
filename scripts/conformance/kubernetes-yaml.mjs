import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { runTool } from './run-tool.mjs';
import { SEED } from './seed.mjs';
import { hardValue, numberLike } from './yaml-alphabet.mjs';
import { YAML_STREAMS } from './yaml-streams.mjs';

const TOP = fileURLToPath(new URL('../..', import.meta.url));

/** Reads and prints YAML as kubectl and API servers do; its main.go says how it is asked. */
export const KUBERNETES_YAML = {
  name: 'kubernetes-yaml',
  directory: join(TOP, 'scripts/conformance/kubernetes-yaml'),
  go: /** @type {const} */ ([1, 23]),
};

const VALUES = 4_000;
const NUMBERS = 4_000;

/**
 * `read`: one document, strictly. `stream`: a manifest's documents. `print`: an object of `core/v1`, as by kubectl.
 *
 * @typedef {{ do: 'read' | 'stream' | 'print', text: string | Uint8Array }} Question
 */
/**
 * `values` are JSON.
 *
 * @typedef {{ values: readonly string[], text: string, error: string | undefined }} Answer
 */
/** @typedef {{ passed: number, problems: readonly string[] }} Results */

/**
 * Go's reader is given what Lantern prints; both are given scalars that are nearly numbers, and manifests. A difference
 * must be one that docs/differences.md tells.
 *
 * @param {string} program
 * @param {AbortSignal} signal
 * @returns {Promise<Results>}
 */
export async function runKubernetesYaml(program, signal) {
  const parts = [
    await checkPrinter(program, signal),
    await checkNumbers(program, signal),
    await checkStreams(program, signal),
  ];
  const problems = parts.flatMap((part) => part.problems);
  if (problems.length > 0) problems.push(`LANTERN_SEED=${SEED}`);
  return { passed: parts.reduce((sum, { passed }) => sum + passed, 0), problems };
}

/** @param {string} program @param {AbortSignal} signal */
async function checkPrinter(program, signal) {
  const { printYaml, read } = await lantern();
  const cases = fc
    .sample(hardValue, { numRuns: VALUES, seed: SEED })
    .map((value) => ({ value, text: `${printYaml(value)}\n` }));
  const answers = await ask(
    program,
    cases.map(({ text }) => ({ do: 'read', text })),
    signal,
  );
  return judge(cases, ({ value, text }, index) => {
    const expected = [plain(value)];
    const { values, error } = /** @type {Answer} */ (answers[index]);
    if (error !== undefined || !isDeepStrictEqual(values.map(parsed), expected)) {
      return `${JSON.stringify(text)} is ${error ?? values} to Go`;
    }
    return isDeepStrictEqual(plain(read(text)), expected) ? undefined : `${JSON.stringify(text)} is not read back`;
  });
}

/** @param {string} program @param {AbortSignal} signal */
async function checkNumbers(program, signal) {
  const { read } = await lantern();
  const cases = fc.sample(numberLike, { numRuns: NUMBERS, seed: SEED }).map((text) => `- ${text}\n`);
  const answers = await ask(
    program,
    cases.map((text) => ({ do: 'read', text })),
    signal,
  );
  return judge(cases, (text, index) => {
    const { values, error } = /** @type {Answer} */ (answers[index]);
    const ours = read(text);
    if (ours === undefined || error !== undefined) {
      return (ours === undefined) === (error !== undefined) ? undefined : `${JSON.stringify(text)}: Go says ${error}`;
    }
    const [[value] = []] = /** @type {unknown[][]} */ (ours);
    const isSame = typeof value === 'bigint' ? values[0] === `[${value}]` : isDeepStrictEqual(values.map(parsed), ours);
    return isSame ? undefined : `${JSON.stringify(text)} is ${String(value)}, but to Go ${values}`;
  });
}

/** @param {string} program @param {AbortSignal} signal */
async function checkStreams(program, signal) {
  const { readManifest } = await lantern();
  const page = readFileSync(join(TOP, 'docs/differences.md'), 'utf8');
  const answers = await ask(
    program,
    YAML_STREAMS.map(({ text }) => ({ do: 'stream', text })),
    signal,
  );
  return judge(YAML_STREAMS, ({ name, text, decided, ours: expected }, index) => {
    const { values, error } = /** @type {Answer} */ (answers[index]);
    const theirs = error === undefined ? values.map(parsed) : 'refused';
    const ours = readManifest(text);
    const shown = `Kubernetes ${error ?? JSON.stringify(theirs)}, Lantern ${JSON.stringify(ours)}`;
    if (decided === undefined) return isDeepStrictEqual(ours, theirs) ? undefined : `${name}: ${shown}`;
    if (!isDeepStrictEqual(ours, expected)) return `${name}: not what was decided: ${shown}`;
    if (isDeepStrictEqual(ours, theirs)) return `${name}: they no longer differ`;
    return page.includes(decided) ? undefined : `${name}: docs/differences.md does not say "${decided}"`;
  });
}

/**
 * @template T
 * @param {readonly T[]} cases
 * @param {(each: T, index: number) => string | undefined} problemOf
 * @returns {Results}
 */
function judge(cases, problemOf) {
  const problems = cases.flatMap((each, index) => problemOf(each, index) ?? []);
  return { passed: cases.length - problems.length, problems };
}

/** Lantern's own printer and readers, compiled; a reader gives undefined, or `refused`, for what it refuses. */
async function lantern() {
  const load = (/** @type {string} */ path) => import(pathToFileURL(join(TOP, '.cache/tools/src', path)).href);
  const [printer, yaml, manifest, utf8, { TEXT_LIMITS }] = await Promise.all([
    load('cli/output/print-yaml.js'),
    load('objects/manifest/yaml.js'),
    load('objects/manifest/parse-manifest.js'),
    load('base/text.js'),
    load('objects/text-limits.js'),
  ]);
  return {
    /** @type {(value: unknown) => string} */
    printYaml: printer.printYaml,
    /** @param {string} text @returns {unknown[] | undefined} */
    read: (text) => {
      const result = yaml.parseYamlDocuments(text, TEXT_LIMITS.document, { exact: true });
      return result.ok ? result.value : undefined;
    },
    /** @param {string | Uint8Array} given */
    readManifest: (given) => {
      const text = utf8.parseUtf8(Buffer.from(given), '');
      const result = text.ok ? manifest.readDocuments(text.value) : text;
      return result.ok ? result.value.map((/** @type {{ raw: unknown }} */ { raw }) => raw) : 'refused';
    },
  };
}

/**
 * @param {string} program
 * @param {readonly Question[]} questions
 * @param {AbortSignal} signal
 * @returns {Promise<Answer[]>}
 */
export async function ask(program, questions, signal) {
  const lines = questions.map(({ do: what, text }) =>
    JSON.stringify({ do: what, text: Buffer.from(text).toString('base64') }),
  );
  const { code, stdout, stderr } = await runTool(program, [], { input: lines.join('\n'), signal });
  if (code !== 0) throw new Error(`${program}: ${stderr.trim()}`);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .map(({ values = [], text = '', error }) => ({ values, text: Buffer.from(text, 'base64').toString(), error }));
}

/** @param {string} json @returns {unknown} */
function parsed(json) {
  return JSON.parse(json);
}

/** As JSON has it, with every number a double. @param {unknown} value @returns {unknown} */
function plain(value) {
  return JSON.parse(JSON.stringify(value, (_, held) => (typeof held === 'bigint' ? Number(held) : held)));
}

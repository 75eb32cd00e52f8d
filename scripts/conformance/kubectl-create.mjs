import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { dirSync } from 'tmp';
import { parse } from 'yaml';
import { CREATE_CALLS, createFiles } from './create-calls.mjs';
import { JSON_PATHS, OBJECTS } from './json-paths.mjs';
import { runTool } from './run-tool.mjs';

const TOP = fileURLToPath(new URL('../..', import.meta.url));

/** Runs kubectl's `create` and its jsonpath templates; its main.go says how it is asked. */
export const KUBECTL_CREATE = {
  name: 'kubectl-create',
  directory: join(TOP, 'scripts/conformance/kubectl-create'),
  go: /** @type {const} */ ([1, 23]),
};

/** @typedef {{ passed: number, problems: readonly string[] }} Results */
/** What was printed; undefined where it was refused. `why`: what was said. @typedef {{ text: string | undefined, why: string }} Said */
/**
 * Without `decided`, both must say the same. With it they differ: the words in docs/differences.md that tell so, and
 * what Lantern does.
 *
 * @typedef {{ decided?: string, ours?: 'refused' | unknown }} Decision
 */

/** The same calls of `create`, in the same directory. @param {string} program @param {AbortSignal} signal @returns {Promise<Results>} */
export async function runCreateCalls(program, signal) {
  const lantern = await loadLantern();
  const calls = CREATE_CALLS.map(({ words, ...decision }) => {
    const shown = words.some((word) => word.startsWith('-o')) ? words : [...words, '-o', 'yaml'];
    return { name: words.join(' '), words: [...shown, '--dry-run=client'], ...decision };
  });
  const { name: directory, removeCallback } = dirSync({ template: 'lantern-create-XXXXXX', unsafeCleanup: true });
  const before = process.cwd();
  try {
    for (const [path, contents] of Object.entries(await createFiles())) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), contents);
    }
    process.chdir(directory);
    const theirs = await ask(
      program,
      calls.map(({ words }) => ({ create: words })),
      directory,
      signal,
    );
    /** @type {Said[]} */
    const ours = [];
    for (const { words } of calls) ours.push(await lantern.create(words, signal));
    return judge(calls, theirs, ours, (said) => objectOf(said));
  } finally {
    process.chdir(before);
    removeCallback();
  }
}

/** The same templates over the same objects. @param {string} program @param {AbortSignal} signal @returns {Promise<Results>} */
export async function runJsonPaths(program, signal) {
  const lantern = await loadLantern();
  const cases = JSON_PATHS.map((each) => ({ name: `${each.template} of ${each.of}`, ...each }));
  const objects = cases.map((each) => OBJECTS[each.of]);
  const questions = cases.map(({ template }, at) => ({ template, object: JSON.stringify(objects[at]) }));
  const theirs = await ask(program, questions, tmpdir(), signal);
  const ours = cases.map(({ template }, at) => lantern.render(template, objects[at]));
  return judge(cases, theirs, ours, ({ text }, { anyOrder }) => (anyOrder ? text?.split(' ').sort().join(' ') : text));
}

/**
 * @template {Decision & { name: string }} Case
 * @param {readonly Case[]} cases
 * @param {readonly Said[]} theirs what kubectl said
 * @param {readonly Said[]} ours
 * @param {(said: Said, each: Case) => unknown} comparable
 * @returns {Results}
 */
function judge(cases, theirs, ours, comparable) {
  const page = readFileSync(join(TOP, 'docs/differences.md'), 'utf8');
  const problems = cases.flatMap((each, index) => {
    const { name, decided, ours: expected } = each;
    const [kubectl, lantern] = /** @type {[Said, Said]} */ ([theirs[index], ours[index]]);
    const [wanted, got] = [comparable(kubectl, each), comparable(lantern, each)];
    const complain = (/** @type {string} */ why) =>
      `${name}: ${why}\n${show('kubectl', kubectl)}\n${show('lantern', lantern)}`;
    if (decided === undefined) return isDeepStrictEqual(got, wanted) ? [] : [complain('they differ')];
    if (!isDeepStrictEqual(got, expected === 'refused' ? undefined : expected)) {
      return [complain('not what was decided')];
    }
    if (isDeepStrictEqual(got, wanted)) return [complain('they no longer differ')];
    return page.includes(decided) ? [] : [complain(`docs/differences.md does not say "${decided}"`)];
  });
  return { passed: cases.length - problems.length, problems };
}

/** @param {string} who @param {Said} said */
function show(who, { text, why }) {
  return `  ${who} ${text === undefined ? `refuses: ${why}` : JSON.stringify(text)}`;
}

/** The object that was printed, or the line. @param {Said} said */
function objectOf({ text }) {
  if (text === undefined || !/^(apiVersion|\{)/.test(text)) return text?.trim();
  const object = parse(text, { version: '1.1' });
  // It is null where nothing has been created.
  delete object.metadata.creationTimestamp;
  // An API server makes it of none.
  if (object.kind === 'Secret') object.type ??= 'Opaque';
  return object;
}

/**
 * @param {string} program
 * @param {readonly unknown[]} questions
 * @param {string} cwd
 * @param {AbortSignal} signal
 * @returns {Promise<Said[]>}
 */
async function ask(program, questions, cwd, signal) {
  // Without a kubeconfig, and with nobody to ask.
  const env = { PATH: process.env.PATH, HOME: cwd, KUBECONFIG: '/dev/null', FROM_ENVIRONMENT: 'inherited' };
  const input = questions.map((question) => JSON.stringify(question)).join('\n');
  const { code, stdout, stderr } = await runTool(program, [], { input, cwd, env, signal });
  if (code !== 0) throw new Error(`${program}: ${stderr.trim()}`);
  const answers = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  return answers.map(({ text = '', error }) =>
    error === undefined ? { text: Buffer.from(text, 'base64').toString(), why: '' } : { text: undefined, why: error },
  );
}

/** Lantern's command line and its templates, compiled, in this process. */
async function loadLantern() {
  const load = (/** @type {string} */ path) => import(pathToFileURL(join(TOP, '.cache/tools/src', path)).href);
  const [{ createProgram }, { endingOf }, { styleFor }, { parseJsonPath }, { renderJsonPath }] = await Promise.all([
    load('cli/program.js'),
    load('cli/exit.js'),
    load('cli/output/text.js'),
    load('cli/output/parse-json-path.js'),
    load('cli/output/json-path.js'),
  ]);
  /** @param {unknown} error @returns {Said} */
  const refused = (error) => ({ text: undefined, why: endingOf(error, false).message });
  return {
    /** @param {readonly string[]} words @param {AbortSignal} signal @returns {Promise<Said>} */
    create: async (words, signal) => {
      let text = '';
      const terminal = {
        print: (/** @type {string} */ line) => {
          text += `${line}\n`;
        },
        write: async () => {},
        complain: () => {},
        readInput: async () => Buffer.alloc(0),
        style: styleFor(false),
      };
      const cli = {
        terminal,
        environment: { FROM_ENVIRONMENT: 'inherited' },
        user: { uid: 0 },
        clock: undefined,
        signal,
      };
      try {
        const program = createProgram(cli, { version: '', runDaemon: async () => {} });
        await program.parseAsync(['create', ...words], { from: 'user' });
        return { text, why: '' };
      } catch (error) {
        return refused(error);
      }
    },
    /** @param {string} template @param {unknown} object @returns {Said} */
    render: (template, object) => {
      const parsed = parseJsonPath(template, '');
      if (!parsed.ok) return { text: undefined, why: parsed.faults[0].message };
      try {
        return { text: renderJsonPath(parsed.value, object), why: '' };
      } catch (error) {
        return refused(error);
      }
    },
  };
}

import { accessSync, constants, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runTool } from './run-tool.mjs';

/** kubectl's modules take minutes where nothing of them is in Go's cache, milliseconds. */
const BUILD_MS = 900_000;

/**
 * A command written in Go that tests us, or does what we do. `variable` names an environment variable that may hold its
 * path; `go` is the oldest Go that compiles it.
 *
 * @typedef {{ name: string, variable: string, module: string, version: string, go: readonly [number, number] }} GoTool
 */

/** @type {GoTool} */
export const CSI_SANITY = {
  name: 'csi-sanity',
  variable: 'CSI_SANITY',
  module: 'github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity',
  version: 'v5.5.0',
  go: [1, 25],
};

/** @type {GoTool} */
export const GRPCURL = {
  name: 'grpcurl',
  variable: 'GRPCURL',
  module: 'github.com/fullstorydev/grpcurl/cmd/grpcurl',
  version: 'v1.9.3',
  go: [1, 23],
};

/** @type {GoTool} */
export const KUSTOMIZE = {
  name: 'kustomize',
  variable: 'KUSTOMIZE',
  module: 'sigs.k8s.io/kustomize/kustomize/v5',
  version: 'v5.8.1',
  go: [1, 24],
};

/**
 * The path of the tool: from its variable, from PATH, from an earlier run, or installed now below `cache`.
 *
 * @param {GoTool} tool
 * @param {string} cache a directory of ours
 * @param {AbortSignal} signal
 * @returns {Promise<{ path: string } | { path: undefined, reason: string }>} why it cannot be had, and what to do
 */
export async function findGoTool(tool, cache, signal) {
  const given = process.env[tool.variable];
  if (given) return isExecutable(given) ? { path: given } : missing(tool, `${tool.variable}="${given}" cannot be run`);
  const onPath = findOnPath(tool.name);
  if (onPath !== undefined) return { path: onPath };
  const directory = join(cache, `${tool.name}@${tool.version}`);
  const installed = join(directory, tool.name);
  if (isExecutable(installed)) return { path: installed };
  const problem = await install(tool, directory, signal);
  return problem === undefined ? { path: installed } : missing(tool, problem);
}

/**
 * @param {GoTool} tool
 * @param {string} directory
 * @param {AbortSignal} signal
 * @returns {Promise<string | undefined>} what went wrong
 */
async function install({ module, version, go: oldest }, directory, signal) {
  const go = findOnPath('go');
  const wanted = `Go ${oldest.join('.')} or newer could install it`;
  if (go === undefined) return `not on PATH; ${wanted}, but go is not installed`;
  const { stdout } = await runTool(go, ['env', 'GOVERSION'], { signal });
  if (!isAtLeast(stdout, oldest)) return `not on PATH; ${wanted}, but ${go} is ${stdout.trim()}`;
  console.error(`lantern: go install ${module}@${version}`);
  mkdirSync(directory, { recursive: true });
  const env = { ...process.env, GOBIN: directory };
  const { code, stderr } = await runTool(go, ['install', `${module}@${version}`], {
    cwd: directory,
    env,
    signal,
    timeout: BUILD_MS,
  });
  return code === 0 ? undefined : `go install failed:\n${stderr.trim()}`;
}

/**
 * The path of a program of ours in Go, built now below `cache` where it has not been.
 *
 * @param {{ name: string, directory: string, go: readonly [number, number] }} program its sources' directory, with a go.mod
 * @param {string} cache a directory of ours
 * @param {AbortSignal} signal
 * @returns {Promise<{ path: string } | { path: undefined, reason: string }>} why it cannot be had
 */
export async function buildGoProgram({ name, directory, go: oldest }, cache, signal) {
  const go = findOnPath('go');
  if (go === undefined) return { path: undefined, reason: `${name}: go, which builds it, is not installed` };
  const { stdout } = await runTool(go, ['env', 'GOVERSION'], { signal });
  if (!isAtLeast(stdout, oldest)) {
    return { path: undefined, reason: `${name}: needs Go ${oldest.join('.')} or newer, but ${go} is ${stdout.trim()}` };
  }
  const path = join(cache, name);
  mkdirSync(cache, { recursive: true });
  // Go knows itself what has changed since the last time.
  const { code, stderr } = await runTool(go, ['build', '-mod=readonly', '-o', path, '.'], {
    cwd: directory,
    signal,
    timeout: BUILD_MS,
  });
  return code === 0 ? { path } : { path: undefined, reason: `${name}: go build failed:\n${stderr.trim()}` };
}

/**
 * @param {string} goVersion e.g. "go1.26.8"
 * @param {readonly [number, number]} oldest
 */
export function isAtLeast(goVersion, [major, minor]) {
  const [, hasMajor, hasMinor] = /^go(\d+)\.(\d+)/.exec(goVersion) ?? [];
  if (hasMajor === undefined) return false;
  return Number(hasMajor) > major || (Number(hasMajor) === major && Number(hasMinor) >= minor);
}

/**
 * @param {GoTool} tool
 * @param {string} problem
 */
function missing({ name, variable }, problem) {
  return { path: undefined, reason: `${name}: ${problem}; install it, or name it in ${variable}` };
}

/** @param {string} name @param {string} [path] directories, as in PATH */
export function findOnPath(name, path = process.env.PATH ?? '') {
  const directories = path.split(delimiter).filter((directory) => directory !== '');
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dirSync } from 'tmp';
import { findGoTool, findOnPath } from './go-tool.mjs';
import { runTool } from './run-tool.mjs';

const TOP = fileURLToPath(new URL('../..', import.meta.url));

/** @type {import('./go-tool.mjs').GoTool[]} */
const PLUGINS = [
  {
    name: 'protoc-gen-go',
    variable: 'PROTOC_GEN_GO',
    module: 'google.golang.org/protobuf/cmd/protoc-gen-go',
    version: 'v1.36.11',
    go: [1, 23],
  },
  {
    name: 'protoc-gen-go-grpc',
    variable: 'PROTOC_GEN_GO_GRPC',
    module: 'google.golang.org/grpc/cmd/protoc-gen-go-grpc',
    version: 'v1.5.1',
    go: [1, 23],
  },
];

/** For `pip install`. The same protoc makes the stubs for Go. */
const CONSTRAINTS = 'grpcio==1.76.0\ngrpcio-tools==1.76.0\n';

const EXAMPLES = ['go/main.go', 'python/orchestrator.py'];
/** Lines that each example prints. */
export const OUTPUT = ['password: first', 'event: MOUNTED', 'event: UPDATED', 'password: second'];

/** What the examples need: directories for PATH, and the file for pip. @typedef {{ path: string, constraints: string }} Kit */

/**
 * @param {string} cache a directory of ours
 * @param {AbortSignal} signal
 * @returns {Promise<{ kit: Kit } | { kit: undefined, reason: string }>} why an example cannot be built
 */
export async function prepareExamples(cache, signal) {
  const found = await Promise.all(PLUGINS.map((plugin) => findGoTool(plugin, cache, signal)));
  for (const plugin of found) if (plugin.path === undefined) return { kit: undefined, reason: plugin.reason };
  const python = findOnPath('python3');
  if (python === undefined) return { kit: undefined, reason: 'examples: python3 is not installed' };
  const environment = join(cache, 'python');
  if (!existsSync(join(environment, 'bin/pip'))) {
    const { code, stderr } = await runTool(python, ['-m', 'venv', environment], { signal });
    if (code !== 0) return { kit: undefined, reason: `examples: python3 -m venv fails: ${stderr.trim()}` };
  }
  const constraints = join(cache, 'constraints.txt');
  writeFileSync(constraints, CONSTRAINTS);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-c', constraints, 'grpcio-tools'];
  const { code, stderr } = await runTool(join(environment, 'bin/python'), pip, { signal });
  if (code !== 0) return { kit: undefined, reason: `examples: pip cannot install grpcio-tools: ${stderr.trim()}` };
  const protoc = join(environment, 'bin/protoc');
  writeFileSync(protoc, `#!/bin/sh\nexec "${environment}/bin/python" -m grpc_tools.protoc "$@"\n`);
  chmodSync(protoc, 0o755);
  const directories = found.map(({ path = '' }) => join(path, '..'));
  return { kit: { path: [join(environment, 'bin'), ...directories, process.env.PATH].join(':'), constraints } };
}

/**
 * Runs the commands at the head of each example as they stand there, with the daemon's socket and a directory of the
 * run in place of theirs.
 *
 * @param {Kit} kit
 * @param {import('./fresh-daemon.mjs').FreshDaemon} daemon
 * @param {AbortSignal} signal
 */
export async function runExamples({ path, constraints }, { directory, lanternSocket }, signal) {
  const problems = [];
  const checkout = dirSync({ unsafeCleanup: true });
  try {
    symlinkSync(join(TOP, 'proto'), join(checkout.name, 'proto'));
    for (const example of EXAMPLES) {
      const source = join(TOP, 'examples', example, '..');
      const copy = join(checkout.name, 'examples', basename(source));
      mkdirSync(copy, { recursive: true });
      for (const name of readdirSync(source)) copyFileSync(join(source, name), join(copy, name));
      const script = commandsOf(readFileSync(join(TOP, 'examples', example), 'utf8'))
        .replaceAll('/run/lantern/lantern.sock', lanternSocket)
        .replaceAll('/run/example', directory);
      const env = { ...process.env, PATH: path, PIP_CONSTRAINT: constraints, PIP_QUIET: '1' };
      const { code, stdout, stderr } = await runTool('bash', ['-e', '-c', script], { cwd: copy, env, signal });
      const lines = stdout.split('\n').filter((line) => line !== '');
      if (code !== 0) problems.push(`${example}: ended with ${code}: ${stderr.trim()}`);
      else if (lines.join() !== OUTPUT.join()) problems.push(`${example}: printed ${JSON.stringify(lines)}`);
      if (existsSync(join(directory, 'secrets'))) problems.push(`${example}: left its volume mounted`);
    }
  } finally {
    checkout.removeCallback();
  }
  return { passed: EXAMPLES.length - problems.length, problems };
}

/** The indented lines of the comment or docstring that a file begins with. @param {string} text */
export function commandsOf(text) {
  const [head = ''] = text.split(/^(?:package|import) /m);
  const lines = head.split('\n').flatMap((line) => line.match(/^(?:\/\/)?(?:\t| {3,})(.*)$/)?.[1] ?? []);
  return lines.join('\n');
}

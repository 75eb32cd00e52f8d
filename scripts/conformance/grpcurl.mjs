import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dirSync } from 'tmp';
import { runSteps, stepsOf } from './console-blocks.mjs';
import { runTool } from './run-tool.mjs';

const SERVICES = [
  'csi.v1.Controller',
  'csi.v1.Identity',
  'csi.v1.Node',
  'grpc.health.v1.Health',
  'lantern.v1.Events',
  'lantern.v1.Objects',
  'lantern.v1.Projector',
  'lantern.v1.Tokens',
];

/**
 * Uses the daemon as a person with grpcurl and without the .proto files would: list, apply a Secret, mount it, read it.
 *
 * @param {string} path of grpcurl
 * @param {import('./fresh-daemon.mjs').FreshDaemon} daemon
 * @param {AbortSignal} signal
 * @returns {Promise<{ passed: number, problems: readonly string[] }>}
 */
export async function runGrpcurl(path, { directory, lanternSocket }, signal) {
  /** @type {string[]} */
  const problems = [];
  let passed = 0;
  const check = (/** @type {string} */ what, /** @type {boolean} */ isGood, /** @type {string} */ got) => {
    if (isGood) passed += 1;
    else problems.push(`${what}: ${got.trim()}`);
  };

  /** @param {string[]} args @param {object} [request] */
  const grpcurl = async (args, request) => {
    const common = ['-plaintext', '-authority', 'localhost', '-max-time', '30'];
    const data = request === undefined ? [] : ['-d', '@'];
    const { code, stdout, stderr } = await runTool(path, [...common, ...data, `unix://${lanternSocket}`, ...args], {
      ...(request !== undefined && { input: JSON.stringify(request) }),
      signal,
    });
    return { isGood: code === 0, text: `${stdout}${stderr}` };
  };

  /** @param {string} method @param {object} request */
  const call = async (method, request) => {
    const { isGood, text } = await grpcurl([method], request);
    check(method, isGood, text);
    return text;
  };

  const { text: services } = await grpcurl(['list']);
  const unlisted = SERVICES.filter((service) => !services.split('\n').includes(service));
  check(`list lacks ${unlisted.join(', ')}`, unlisted.length === 0, services);

  const { text: projector } = await grpcurl(['describe', 'lantern.v1.Projector']);
  check('describe', /rpc Mount \( \.lantern\.v1\.MountRequest \)/.test(projector), projector);

  const health = await call('grpc.health.v1.Health/Check', {});
  check('the health', health.includes('"SERVING"'), health);

  const probe = await call('csi.v1.Identity/Probe', {});
  check('the probe', probe.replace(/\s/g, '') === '{"ready":true}', probe);

  const node = await call('csi.v1.Node/NodeGetInfo', {});
  check('the JSON names', node.includes('"nodeId": "'), node);

  const value = 'hunter2\n';
  const secret = { data: { password: Buffer.from(value).toString('base64') } };
  await call('lantern.v1.Objects/Apply', { object: { metadata: { name: 'grpcurl' }, secret } });

  const target = join(directory, 'grpcurl-target');
  const definition = { source: { secret: { secretName: 'grpcurl' } } };
  await call('lantern.v1.Projector/Mount', { volumeId: 'grpcurl', definition, targetPath: target });
  const file = join(target, 'password');
  check('the mounted file', existsSync(file) && readFileSync(file, 'utf8') === value, `${file} is not as applied`);

  await call('lantern.v1.Projector/Unmount', { volumeId: 'grpcurl', targetPath: target });
  check('the target', !existsSync(target), `${target} is still there after Unmount`);
  return { passed, problems };
}

const PAGE = fileURLToPath(new URL('../../docs/csi.md', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/**
 * Runs the commands of docs/csi.md as they stand there. Needs root.
 *
 * @param {string} path of grpcurl
 * @param {AbortSignal} signal
 */
export async function runCsiPage(path, signal) {
  const directory = dirSync({ tmpdir: '/dev/shm', template: 'lantern-conformance-XXXXXX', unsafeCleanup: true });
  try {
    const steps = stepsOf(readFileSync(PAGE, 'utf8'), 'By hand');
    // A function would run the daemon in a shell of its own, which the end of the page would kill instead.
    const lantern = `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`;
    writeFileSync(join(directory.name, 'lantern'), lantern, { mode: 0o755 });
    const serve =
      'lantern serve --store memory --unmount-on-exit > serve.log 2>&1 & timeout 20 tail -f serve.log | grep -m1 -q ready';
    const env = { ...process.env, PATH: `${directory.name}:${join(path, '..')}:${process.env.PATH}` };
    const problems = await runSteps([serve], steps, { env, cwd: directory.name, signal });
    return { passed: steps.length - problems.length, problems };
  } finally {
    directory.removeCallback();
  }
}

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJunit } from './junit.mjs';
import { runTool } from './run-tool.mjs';

/**
 * The specs that the suite's version runs for what we say we can do: Identity, Node with GET_VOLUME_STATS and
 * SINGLE_NODE_MULTI_WRITER, Controller with CREATE_DELETE_VOLUME. Fewer means that something is no longer tested.
 */
export const EXPECTED_SPECS = 33;

/** Why a spec may be left out: its capability is one that we do not claim, or its authors suspended it. */
const GOOD_REASON = /not supported$|^pending$/;

/** CreateVolume gets it; the names of the keys in the other file are the suite's. */
const PARAMETERS = { secretName: 'conformance' };
const SECRETS = { CreateVolumeSecret: { key: 'c' }, NodePublishVolumeSecret: { key: 'p' } };

/**
 * Runs the suite, its ten-fold repeats included, against the daemon, where a Secret "conformance" exists.
 *
 * @param {string} path of csi-sanity
 * @param {import('./fresh-daemon.mjs').FreshDaemon} daemon
 * @param {AbortSignal} signal
 * @returns {Promise<{ passed: number, problems: readonly string[] }>}
 */
export async function runCsiSanity(path, { directory, csiSocket }, signal) {
  const at = (/** @type {string} */ name) => join(directory, 'csi-sanity', name);
  mkdirSync(at('.'));
  // JSON is YAML.
  writeFileSync(at('parameters.yaml'), JSON.stringify(PARAMETERS));
  writeFileSync(at('secrets.yaml'), JSON.stringify(SECRETS));
  const args = [
    `--csi.endpoint=unix://${csiSocket}`,
    `--csi.mountdir=${at('mount')}`,
    `--csi.stagingdir=${at('staging')}`,
    `--csi.testvolumesize=${1024 * 1024}`,
    `--csi.testvolumeparameters=${at('parameters.yaml')}`,
    `--csi.secrets=${at('secrets.yaml')}`,
    '--ginkgo.no-color',
    '--ginkgo.timeout=3m',
    `--ginkgo.junit-report=${at('junit.xml')}`,
  ];
  const { code, stdout, stderr } = await runTool(path, args, { cwd: at('.'), signal });
  const output = `${stdout}${stderr}`.trim();
  if (!existsSync(at('junit.xml'))) return { passed: 0, problems: [`no report, exit code ${code}:\n${output}`] };

  const { passed, failed, skipped } = readJunit(readFileSync(at('junit.xml'), 'utf8'));
  const problems = failed.map((name) => `failed: ${name}`);
  if (code !== 0) problems.push(`exit code ${code}:\n${output}`);
  if (passed < EXPECTED_SPECS) problems.push(`${passed} specs passed, ${EXPECTED_SPECS} are expected`);
  for (const reason of new Set(skipped)) if (!GOOD_REASON.test(reason)) problems.push(`skipped: ${reason}`);
  // The suite makes the directory and takes it away; what stays is a volume that was not unpublished.
  for (const name of ['mount', 'staging']) if (existsSync(at(name))) problems.push(`${name} was left behind`);
  return { passed, problems };
}

import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dirSync } from 'tmp';
import { findOnPath } from './go-tool.mjs';
import { runTool } from './run-tool.mjs';

const MONITORING = fileURLToPath(new URL('../../deploy/monitoring', import.meta.url));
const TESTS = fileURLToPath(new URL('alerts-test.yaml', import.meta.url));

/**
 * The path of promtool: from PATH, or out of Debian's package, which is unpacked below `cache` and not installed, since
 * its scripts start a service.
 *
 * @param {string} cache a directory of ours
 * @param {AbortSignal} signal
 * @returns {Promise<{ path: string } | { path: undefined, reason: string }>} why it cannot be had
 */
export async function findPromtool(cache, signal) {
  const onPath = findOnPath('promtool');
  if (onPath !== undefined) return { path: onPath };
  const unpacked = findOnPath('promtool', join(cache, 'usr/bin'));
  if (unpacked !== undefined) return { path: unpacked };
  const missing = { path: undefined, reason: "promtool: not on PATH, and apt-get cannot download Debian's package" };
  if (findOnPath('apt-get') === undefined || findOnPath('dpkg') === undefined) return missing;
  mkdirSync(cache, { recursive: true });
  const { code } = await runTool('apt-get', ['download', '-qq', 'prometheus'], { cwd: cache, signal });
  const archive = readdirSync(cache).find((name) => name.endsWith('.deb'));
  if (code !== 0 || archive === undefined) return missing;
  await runTool('dpkg', ['-x', join(cache, archive), cache], { signal });
  const path = findOnPath('promtool', join(cache, 'usr/bin'));
  return path === undefined ? missing : { path };
}

/**
 * Reads the alerts and the queries of the dashboard as Prometheus does, and lets each alert fire.
 *
 * @param {string} promtool
 * @param {AbortSignal} signal
 */
export async function runPromtool(promtool, signal) {
  const directory = dirSync({ unsafeCleanup: true });
  try {
    copyFileSync(join(MONITORING, 'alerts.yaml'), join(directory.name, 'alerts.yaml'));
    copyFileSync(TESTS, join(directory.name, 'tests.yaml'));
    // JSON is YAML.
    const rules = dashboardQueries().map((expr, index) => ({ record: `dashboard:query_${index}`, expr }));
    writeFileSync(join(directory.name, 'queries.yaml'), JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    const runs = [
      ['check', 'rules', 'alerts.yaml'],
      ['check', 'rules', 'queries.yaml'],
      ['test', 'rules', 'tests.yaml'],
    ];
    const problems = [];
    for (const args of runs) {
      const { code, stdout, stderr } = await runTool(promtool, args, { cwd: directory.name, signal });
      if (code !== 0) problems.push(`promtool ${args.join(' ')}: ${stdout}${stderr}`);
    }
    return { passed: runs.length - problems.length, problems };
  } finally {
    directory.removeCallback();
  }
}

/** The dashboard's queries, with values for Grafana's variables. @returns {string[]} */
function dashboardQueries() {
  const { panels } = JSON.parse(readFileSync(join(MONITORING, 'dashboard.json'), 'utf8'));
  const targets = panels.flatMap((/** @type {{ targets?: { expr: string }[] }} */ { targets = [] }) => targets);
  return targets.map((/** @type {{ expr: string }} */ { expr }) =>
    expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(?:job|instance)\b/g, '.*'),
  );
}

// Which Docker engine the compose suite uses, and where its tools are.
import { execFileSync, spawnSync } from 'node:child_process';

/** Set by `npm run test:compose`: where no engine answers, the suite may start one of its own. */
export const MAY_START_ENGINE = 'LANTERN_TEST_START_DOCKER';

/** The client and compose, as argument lists; undefined where one is missing. */
export function dockerTools() {
  const docker = firstThatWorks([['docker', ['--version']]]);
  const compose = firstThatWorks([
    ['docker-compose', ['--version']],
    ['docker', ['compose', 'version']],
  ]);
  return (
    docker &&
    compose && { docker: [docker[0]], compose: compose[0] === 'docker' ? ['docker', 'compose'] : [compose[0]] }
  );
}

/** True if an engine answers at DOCKER_HOST, or at the default socket. */
export function engineAnswers() {
  return spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 10_000 }).status === 0;
}

/** True if the compose suite can run: root, the tools, and an engine that answers or may be started. */
export function canCompose() {
  if (process.getuid?.() !== 0 || dockerTools() === undefined) return false;
  return engineAnswers() || (process.env[MAY_START_ENGINE] === '1' && isThere('dockerd'));
}

/** @param {readonly (readonly [string, readonly string[]])[]} candidates */
function firstThatWorks(candidates) {
  return candidates.find(([command, args]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0);
}

/** @param {string} command */
function isThere(command) {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

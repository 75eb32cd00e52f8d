/** Of the tests and the scripts. */
const OURS = /^LANTERN_(TEST|HOSTILE)_/;
/** What the daemon reads beside `LANTERN_…`: a CSI host's, and those of a service manager that the run may be below. */
const OF_THE_DAEMON = ['CSI_ENDPOINT', 'NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'];

/**
 * For a daemon and commands of our own: the environment without what a user has set for theirs. What `lantern config`
 * keeps is found by XDG_CONFIG_HOME.
 *
 * @param {NodeJS.ProcessEnv} environment
 * @returns {NodeJS.ProcessEnv}
 */
export function withoutSettings(environment) {
  const kept = Object.entries(environment).filter(
    ([name]) => OURS.test(name) || !(name.startsWith('LANTERN_') || OF_THE_DAEMON.includes(name)),
  );
  return Object.fromEntries(kept);
}

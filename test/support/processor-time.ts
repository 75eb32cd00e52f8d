/**
 * What this process has had of a processor so far, in milliseconds: a bound on it holds however busy the machine is. The runner
 * gives each file a process of its own.
 */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

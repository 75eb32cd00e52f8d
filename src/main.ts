import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { systemClock } from './base/clock.ts';
import { toLanternError } from './base/errors.ts';
import type { Cli } from './cli/command.ts';
import type { RunDaemon } from './cli/commands/serve.ts';
import { runProgram } from './cli/program.ts';
import { processTerminal } from './cli/terminal.ts';

/** The first signal asks for an orderly end. It removes its handler, so a second one ends the process at once. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  // Not a leak: every call under way listens to it.
  setMaxListeners(0, controller.signal);
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}

/** Only `serve` loads the daemon's code. */
const runDaemon: RunDaemon = async (config, signal, onReady) => {
  const [{ Daemon }, { createLog }, { ServiceManager }, { setFlagsFromString }] = await Promise.all([
    import('./daemon.ts'),
    import('./base/log.ts'),
    import('./operations/service-manager.ts'),
    import('node:v8'),
  ]);
  // After the imports: under other flags V8 refuses what it compiled when the bundle was built.
  // Otherwise the space for young objects grows to 32 MiB during the start, and the daemon keeps it while it is idle.
  setFlagsFromString('--semi-space-growth-factor=1');
  // Otherwise the heap grows to more than twice what thousands of volumes take before it is collected.
  setFlagsFromString('--heap-growing-percent=30');
  const log = createLog(config.logLevel, config.logFormat);
  using manager = new ServiceManager({ environment: process.env, pid: process.pid, clock: systemClock, log });
  manager.starting();
  await using daemon = await Daemon.start(config, { version: packageVersion(), log, signal });
  manager.ready(daemon.readyLine);
  onReady(daemon.readyLine);
  // V8's own: a larger space is collected less often under load. V8 makes it small again once the daemon is idle.
  setFlagsFromString('--semi-space-growth-factor=2');
  await aborted(signal);
  manager.stopping();
};

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    return signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const cli: Cli = {
  terminal: processTerminal(process.env),
  environment: process.env,
  user: { uid: process.getuid?.() ?? -1 },
  clock: systemClock,
  signal: abortOnSignals(),
};

// The reader of a pipe may leave early, as in `lantern get secrets | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A command whose output must be read to the end has set an exit code.
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
  cli.terminal.complain(`lantern: ${toLanternError(error, 'write to stdout').message}`);
  process.exit(1);
});

// A closed stderr ends nothing: `exec` still has a pod to unmount.
process.stderr.on('error', () => {});

async function run(): Promise<void> {
  const host = { version: packageVersion(), runDaemon };
  const { exitCode, message } = await runProgram(cli, host, process.argv.slice(2));
  if (message !== undefined) cli.terminal.complain(`lantern: ${message}`);
  if (exitCode !== 0) process.exitCode = exitCode;
}

void run();

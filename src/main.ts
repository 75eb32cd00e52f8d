#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { systemClock } from './base/clock.ts';
import { toLanternError } from './base/errors.ts';
import type { RunDaemon } from './cli/commands/serve.ts';
import type { Cli } from './cli/define-command.ts';
import { withoutSigns } from './cli/duration.ts';
import { endingOf } from './cli/exit.ts';
import { createProgram } from './cli/program.ts';
import { processTerminal } from './cli/terminal.ts';

/** The first signal asks for an orderly end; a second one, with the handler gone, ends the process at once. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}

/** The daemon's code is loaded here, by `serve` alone: every other command starts without it. */
const runDaemon: RunDaemon = async (config, signal, onReady) => {
  const [{ Daemon }, { createLog }] = await Promise.all([import('./daemon.ts'), import('./base/log.ts')]);
  const log = createLog(config.logLevel, config.logFormat);
  await using daemon = await Daemon.start(config, { log, signal });
  onReady(daemon.readyLine);
  await aborted(signal);
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

// `lantern get secrets | head`: whoever reads may leave; there is nobody to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // What has to be read to its end has said so.
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
  cli.terminal.complain(`lantern: ${toLanternError(error, 'write to stdout').message}`);
  process.exit(1);
});

// The same for complaints, but that what was begun goes on: `exec` has a pod to unmount.
process.stderr.on('error', () => {});

try {
  await createProgram(cli, { version: packageVersion(), runDaemon }).parseAsync(withoutSigns(process.argv.slice(2)), {
    from: 'user',
  });
} catch (error) {
  const { exitCode, message } = endingOf(error, cli.signal.aborted);
  if (message !== undefined) cli.terminal.complain(`lantern: ${message}`);
  process.exitCode = exitCode;
}

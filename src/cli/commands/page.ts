import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { errnoOf, LanternError, obstacleOf } from '../../base/errors.ts';
import { type Cli, withExamples } from '../command.ts';
import { PAUSE, withDaemon } from '../with-daemon.ts';

const OPENER = 'xdg-open';
/** Milliseconds for a browser to start and to read the file. */
const START_MS = 10_000;

export function pageCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern page', 'lantern page --open'])
    .option('--open', `also open it in a browser, with ${OPENER}`, false)
    .action(async ({ open }: { readonly open: boolean }) => {
      const { url } = await withDaemon(cli, command, (daemon) => daemon.page.open({}, { signal: cli.signal }));
      cli.terminal.print(url);
      if (open) await openInBrowser(url, cli);
      else if (cli.terminal.columns !== undefined) {
        cli.terminal.complain('It opens the page once, within ten minutes; "lantern page" prints another.');
      }
    });
}

/** All users can read the arguments of a process, so the browser gets the address from a file of this user's. */
async function openInBrowser(url: string, { environment, signal }: Cli): Promise<void> {
  const { MemoryDirectory, memoryParents } = await import('../exec/memory-directory.ts');
  using directory = MemoryDirectory.create(memoryParents(environment), 'page');
  const file = directory.at('open.html');
  // No character of the daemon's URL means something in HTML.
  writeFileSync(file, `<!doctype html><meta http-equiv="refresh" content="0;url=${url}">\n`, { mode: 0o600 });
  const opener = spawn(OPENER, [pathToFileURL(file).href], { stdio: 'ignore', detached: true });
  const problem = await problemOf(opener, signal);
  if (problem !== undefined) {
    const message = `open the page in a browser: ${OPENER} ${problem}; open the printed address yourself`;
    throw new LanternError('failed-precondition', message);
  }
  // It may end before the browser has read the file.
  await PAUSE.sleep(START_MS, signal);
}

/** Where it knows no desktop, the opener becomes the browser, and ends with it. */
async function problemOf(opener: ChildProcess, signal: AbortSignal): Promise<string | undefined> {
  const late = AbortSignal.timeout(START_MS);
  try {
    const [code] = await once(opener, 'exit', { signal: AbortSignal.any([signal, late]) });
    return code === 0 ? undefined : `ended with ${code}`;
  } catch (error) {
    opener.unref();
    signal.throwIfAborted();
    if (late.aborted) return undefined;
    return errnoOf(error) === 'ENOENT' ? 'is not installed' : `cannot be run: ${obstacleOf(error)}`;
  }
}

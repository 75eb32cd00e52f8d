import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** The prompt of commands in ```console blocks. */
const PROMPT = '$ ';
/** Between what the commands print. No command prints it. */
const MARK = '@@ end of command';

/** @typedef {{ command: string, output: string[] }} Step a command of a page, and the lines that the page shows for it */

/**
 * The commands of the console blocks of a page, or of one section of it, in order.
 *
 * @param {string} markdown
 * @param {string} [section] a heading of level two
 * @returns {Step[]}
 */
export function stepsOf(markdown, section) {
  const part =
    section === undefined ? markdown : markdown.split(/^## /m).find((text) => text.startsWith(`${section}\n`));
  if (part === undefined) throw new Error(`the page has no section "${section}"`);
  /** @type {Step[]} */
  const steps = [];
  for (const [, block = ''] of part.matchAll(/^```console\n([\s\S]*?)^```$/gm)) {
    const lines = block.split('\n').slice(0, -1);
    for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
      if (!line.startsWith(PROMPT)) steps.at(-1)?.output.push(line);
      else steps.push({ command: wholeCommand(line.slice(PROMPT.length), lines), output: [] });
    }
  }
  return steps;
}

/**
 * With its continuation lines, and the text of its here-document.
 *
 * @param {string} first
 * @param {string[]} lines the following ones; those that belong to the command are removed
 */
function wholeCommand(first, lines) {
  const command = [first];
  while (command.at(-1)?.endsWith('\\') && lines.length > 0) command.push(lines.shift() ?? '');
  const end = command.join('\n').match(/<<'?(\w+)'?/)?.[1];
  while (end !== undefined && lines.length > 0 && command.at(-1) !== end) command.push(lines.shift() ?? '');
  return command.join('\n');
}

/**
 * Runs the commands in one bash, as a reader would, in a mount namespace with an empty /run. Needs root.
 *
 * @param {readonly string[]} preparations commands that run before those of the page
 * @param {readonly Step[]} steps
 * @param {{ env: NodeJS.ProcessEnv, cwd: string, signal: AbortSignal }} options
 * @returns {Promise<string[]>} differences from the page
 */
export async function runSteps(preparations, steps, { env, cwd, signal }) {
  const script = [
    'mount -t tmpfs tmpfs /run && mount --make-shared /run',
    "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT",
    ...preparations,
    ...steps.map(({ command }) => `{ ${command}\n} 2>&1; echo "${MARK} $?"`),
  ];
  const bash = spawn('unshare', ['--mount', '--propagation', 'private', 'bash', '-c', script.join('\n')], {
    cwd,
    env,
    signal,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  bash.stdout.setEncoding('utf8').on('data', (text) => {
    printed += text;
  });
  await once(bash, 'close');
  const results = printed.split(new RegExp(`${MARK} (\\d+)\\n`));
  return steps.flatMap(({ command, output }, index) => {
    const [text = '', code] = results.slice(index * 2, index * 2 + 2);
    const found = text === '' ? [] : text.replace(/\n$/, '').split('\n');
    if (code === '0' && found.map(comparable).join('\n') === output.map(comparable).join('\n')) return [];
    return [`"${command}" ended with ${code} and printed ${JSON.stringify(found)}, not ${JSON.stringify(output)}`];
  });
}

/** Widths of columns and durations vary. @param {string} line */
function comparable(line) {
  return line
    .replaceAll(/\b\d+(?:\.\d+)?(?:ms|s|m)\b/g, 'TIME')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

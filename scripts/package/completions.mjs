// The scripts of `lantern completion`, under the names by which shells find them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SCRIPTS = new URL('../../.cache/tools/src/cli/completion/shell-scripts.js', import.meta.url).href;

/** @param {string} directory */
export async function writeCompletions(directory) {
  const { SHELL_SCRIPTS } = await import(SCRIPTS);
  const files = { lantern: SHELL_SCRIPTS.bash, _lantern: SHELL_SCRIPTS.zsh, 'lantern.fish': SHELL_SCRIPTS.fish };
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
}

// `npm run check`: everything that reads the sources rather than running them. All of it runs, whatever fails first.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { findCommitFaults } from './commit-messages.mjs';

const TOP = fileURLToPath(new URL('..', import.meta.url));

/** Name, tool below node_modules, arguments. @type {readonly [string, string, ...string[]][]} */
const CHECKS = [
  ['types', 'typescript/bin/tsc', '-p', 'tsconfig.json'],
  ['types of the page', 'typescript/bin/tsc', '-p', 'page/tsconfig.json'],
  ['lint and format', '@biomejs/biome/bin/biome', 'ci', '--error-on-warnings'],
  ['structure', 'vitest/vitest.mjs', 'run', '--project', 'unit', 'test/unit/architecture'],
];

try {
  await bootstrap();
} catch (error) {
  // The types below say more about what does not compile.
  console.error(`lantern: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
}
for (const [name, tool, ...args] of CHECKS) {
  console.log(`\n== ${name}`);
  const { status } = spawnSync(process.execPath, [`node_modules/${tool}`, ...args], { cwd: TOP, stdio: 'inherit' });
  if (status === 0) console.log('ok');
  else process.exitCode = 1;
}

console.log('\n== commit messages');
const faults = findCommitFaults(TOP);
if (faults === undefined) console.log('not checked: the history is not here');
else if (faults.length === 0) console.log('ok');
else process.exitCode = 1;
for (const fault of faults ?? []) console.log(fault);

console.log(process.exitCode === 1 ? '\ncheck failed' : '\ncheck passed');

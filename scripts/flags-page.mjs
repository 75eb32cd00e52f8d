// `npm run flags`: generates docs/flags.md from the daemon's table of options. `npm run check` fails if the page is not
// up to date.
import { realpathSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';

export const FLAGS_PAGE = fileURLToPath(new URL('../docs/flags.md', import.meta.url));
const TABLE = new URL('../.cache/tools/src/config/options.js', import.meta.url).href;

/** Further reading, by group. @type {Readonly<Partial<Record<import('../src/config/option.ts').Group, string>>>} */
const FURTHER_READING = {
  TCP: '[THREAT_MODEL.md](../THREAT_MODEL.md) says what callers can do.',
  'CSI host': 'See [csi.md](csi.md) and [kubernetes.md](kubernetes.md).',
  Docker: 'See [docker-compose.md](docker-compose.md).',
  Store: 'See [store.md](store.md).',
  etcd: 'With `--store etcd` only; see [etcd.md](etcd.md).',
  Observation: 'See [metrics.md](metrics.md) and [page.md](page.md).',
};

const INTRODUCTION = `# Flags of \`lantern serve\`

<!-- Made by \`npm run flags\` from src/config/options.ts. -->

Each flag can also be given as an environment variable. The flag wins, and an empty variable counts as not set. A switch
takes \`true\` or \`false\` in its variable. If a flag can be repeated, its variable takes the values with colons between
them. A relative path starts at the working directory. Sizes are written as in Kubernetes (\`64Mi\`), durations as in Go
(\`1m30s\`). All bad values are reported at once.`;

/**
 * The text of docs/flags.md.
 *
 * @param {readonly import('../src/config/option.ts').Option[]} options
 */
export function makeFlagsPage(options) {
  const groups = [...new Set(options.map(({ group }) => group))];
  const sections = groups.map((group) => {
    const rows = options.filter((option) => option.group === group).map(rowOf);
    const table = ['| flag | variable | default | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
    const further = FURTHER_READING[group];
    return [`## ${group}`, ...(further === undefined ? [] : [further]), table].join('\n\n');
  });
  return `${[INTRODUCTION, ...sections].join('\n\n')}\n`;
}

/** @param {import('../src/config/option.ts').Option} option */
function rowOf({ flag, placeholder, environment, defaultText, help }) {
  const usage = placeholder === undefined ? flag : `${flag} ${placeholder}`;
  const [inWords, meaning] = [defaultText, help].map((text) => text.replaceAll(/--[a-z-]+/g, '`$&`'));
  const cells = [`\`${usage}\``, `\`${environment}\``, inWords, meaning];
  return `| ${cells.map((cell = '') => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await bootstrap();
  const { OPTIONS } = await import(TABLE);
  writeFileSync(FLAGS_PAGE, makeFlagsPage(Object.values(OPTIONS)));
}

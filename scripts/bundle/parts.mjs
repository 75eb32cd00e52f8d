// The command in parts, so that a start reads and loads little more than it runs. A part is a file of modules, each of
// which is evaluated when it is required first (see `src/launcher.ts`).
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build, transform } from 'esbuild';

/** A module is in the first part that has one of these files or what these import; all others are in `others`. */
const NEEDED = {
  command: [
    'src/main.ts',
    'src/cli/commands/get.ts',
    'src/cli/commands/volumes.ts',
    'src/cli/completion/print-completions.ts',
  ],
  calls: ['src/rpc/client.ts'],
  manifests: [
    'src/cli/commands/apply.ts',
    'src/cli/objects/manifests.ts',
    'src/cli/output/print-yaml.ts',
    'src/spec/admit-object.ts',
  ],
  daemon: [
    'src/cli/commands/serve.ts',
    'src/daemon.ts',
    'src/base/log.ts',
    'src/operations/service-manager.ts',
    'src/stores/embedded/embedded-store.ts',
    'node_modules/koffi/index.js',
  ],
};

/** By file name. @typedef {Map<string, import('esbuild').Metafile['outputs'][string]>} Outputs */

/**
 * Writes `parts/*.js` into `settings.outdir` and returns the paths of what they are made from.
 *
 * @param {import('esbuild').BuildOptions & { outdir: string, platform: 'node', target: string }} settings
 * @returns {Promise<string[]>}
 */
export async function makeParts({ supported = {}, ...settings }) {
  const { platform, target } = settings;
  const { metafile, outputFiles } = await build({
    ...settings,
    entryPoints: { main: 'src/main.ts' },
    // esbuild splits only these.
    format: 'esm',
    splitting: true,
    metafile: true,
    // THIRD-PARTY.txt has all of them.
    legalComments: 'none',
    write: false,
  });
  const outputs = new Map(Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output]));
  const partOf = partsOf(outputs);
  /** @type {Map<string, string[]>} */
  const parts = new Map();
  for (const { path, text } of outputFiles) {
    const name = basename(path);
    const minifyWhitespace = isForeign(outputs.get(name));
    const code = await moduleCode(text, { platform, target, supported, minifyWhitespace });
    const linked = code.replaceAll(/\brequire\("\.\/([\w-]+\.js)"\)/g, (_, id) => `require("./${partOf(id)}/${id}")`);
    const members = parts.get(partOf(name)) ?? [];
    parts.set(partOf(name), [...members, `${JSON.stringify(name)}(require, module) {\n${linked}}`]);
  }
  mkdirSync(join(settings.outdir, 'parts'), { recursive: true });
  for (const [part, members] of parts) {
    // An expression: the launcher calls it.
    const text = `(function (moduleUrl, __dirname) {return {\n${members.join(',\n')}\n}})`;
    writeFileSync(join(settings.outdir, 'parts', `${part}.js`), ascii(text));
  }
  return Object.keys(metafile.inputs);
}

/**
 * @param {Outputs} outputs
 * @returns {(name: string) => string} the part of a module
 */
function partsOf(outputs) {
  /** @type {Map<string, string>} */
  const found = new Map();
  /** @param {string} name @param {string} part */
  const take = (name, part) => {
    const output = outputs.get(name);
    if (output === undefined || found.has(name)) return;
    found.set(name, part);
    for (const { path, kind } of output.imports) if (kind === 'import-statement') take(basename(path), part);
  };
  for (const [part, files] of Object.entries(NEEDED)) {
    for (const file of files) {
      const [entry] = [...outputs].find(([, { entryPoint }]) => entryPoint === file) ?? [];
      if (entry === undefined) throw new Error(`no module begins with ${file}: nothing loads it by import()`);
      take(entry, part);
    }
  }
  return (name) => found.get(name) ?? 'others';
}

/**
 * As CommonJS, whose modules a script can hold. Exports are plain values: esbuild's own are functions, for variables
 * that change, and take a tenth of the time of a command. No variable that is exported changes, and esbuild puts files
 * that import each other in one module.
 *
 * @param {string} text
 * @param {import('esbuild').TransformOptions} options
 */
async function moduleCode(text, options) {
  const withExports = text.replace(/^export \{([^}]*)\};\s*$/m, (_, names) => {
    const values = names.split(',').map((/** @type {string} */ each) => {
      const [value, name = value] = each.trim().split(' as ');
      return `${name}: ${value}`;
    });
    return `module.exports = { __esModule: true, ${values.join(', ')} };`;
  });
  // A library in CommonJS: what it exports has names, too, which an `export default` would hide.
  const withLibrary = withExports.replace(/^export default (require_\w+\(\));\s*$/m, 'module.exports = $1;');
  const logOverride = /** @type {const} */ ({ 'commonjs-variable-in-esm': 'silent' });
  const { code } = await transform(withLibrary, { ...options, format: 'cjs', logOverride });
  return code;
}

/**
 * True for libraries and generated code. Stacks name lines, so those of our code are kept.
 *
 * @param {{ inputs: Record<string, { bytesInOutput: number }>, bytes: number } | undefined} output
 */
function isForeign({ inputs, bytes } = { inputs: {}, bytes: 0 }) {
  const foreign = Object.entries(inputs).filter(([path]) => /\bnode_modules\/|\/generated\//.test(path));
  return foreign.reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0) > 0.9 * bytes;
}

/**
 * Latin-1 is read four times as fast as UTF-8. esbuild escapes what is in strings; what is left are comments and
 * expressions.
 *
 * @param {string} text
 */
function ascii(text) {
  if (/String\.raw`[^`]*[\u0080-\uffff]/.test(text))
    throw new Error('String.raw with more than ASCII cannot be escaped');
  return text.replaceAll(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

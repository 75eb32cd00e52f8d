#!/usr/bin/env node
// The bundle's entry: it loads the parts that are needed, with the code that V8 compiled when the bundle was built. It
// becomes CommonJS, which has `require`; to make one takes a millisecond.
import { readFileSync } from 'node:fs';

type Module = { exports: unknown };

type Load = (id: string) => unknown;

/** The modules of a file of `parts`, by name. */
type Part = Readonly<Record<string, (load: Load, module: Module) => void>>;

/** Of the SHA-256 before compiled code. */
const DIGEST_BYTES = 32;

/** Loads `./PART/MODULE`, or what Node itself loads. */
function loader(): Load {
  const parts = new Map<string, Part>();
  const modules = new Map<string, Module>();
  return function load(id) {
    const [, part, name] = /^\.\/([\w-]+)\/([\w-]+\.js)$/.exec(id) ?? [];
    if (part === undefined || name === undefined) return require(id);
    let module = modules.get(name);
    if (module === undefined) {
      module = { exports: {} };
      modules.set(name, module);
      if (!parts.has(part)) parts.set(part, loadPart(part));
      parts.get(part)?.[name]?.(load, module);
    }
    return module.exports;
  };
}

function loadPart(part: string): Part {
  const { Script } = require('node:vm') as typeof import('node:vm');
  const filename = `${import.meta.dirname}/parts/${part}.js`;
  // V8 refuses what another version of it, or one with other flags, has compiled.
  const cachedData = compiledCode(part);
  const script = new Script(readFileSync(filename, 'latin1'), { filename, ...(cachedData && { cachedData }) });
  return script.runInThisContext()(import.meta.url, import.meta.dirname);
}

/** Undefined if it is absent or damaged: V8 would trust it, and end the process. */
function compiledCode(part: string): Buffer | undefined {
  try {
    const kind = process.argv[2] === 'serve' ? 'serve' : 'command';
    const bytes = readFileSync(`${import.meta.dirname}/parts/${part}.${kind}.compiled`);
    const code = bytes.subarray(DIGEST_BYTES);
    // Not node:zlib for a CRC: every command loads node:crypto in any case.
    const { hash } = require('node:crypto') as typeof import('node:crypto');
    return hash('sha256', code, 'buffer').equals(bytes.subarray(0, DIGEST_BYTES)) ? code : undefined;
  } catch {
    return undefined;
  }
}

const [flag, ...others] = process.argv.slice(2);
if ((flag === '--version' || flag === '-V') && others.length === 0) {
  const { version } = JSON.parse(readFileSync(`${import.meta.dirname}/../package.json`, 'utf8')) as { version: string };
  process.stdout.write(`${version}\n`);
} else {
  loader()('./command/main.js');
}

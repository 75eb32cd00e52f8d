#!/usr/bin/env node
// The bundle's entry: it loads the bundle with the code that V8 compiled when it was built.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Undefined if it is absent or damaged: V8 would trust it, and end the process. */
function compiledCode(): Buffer | undefined {
  try {
    const bytes = readFileSync(`${import.meta.dirname}/${process.argv[2] === 'serve' ? 'serve' : 'command'}.compiled`);
    const code = bytes.subarray(4);
    const { crc32 } = createRequire(import.meta.url)('node:zlib') as typeof import('node:zlib');
    return crc32(code) === bytes.readUInt32LE(0) ? code : undefined;
  } catch {
    return undefined;
  }
}

function launch(): void {
  const require = createRequire(import.meta.url);
  const { Script } = require('node:vm') as typeof import('node:vm');
  const filename = `${import.meta.dirname}/lantern.js`;
  // V8 refuses what another version of it, or one with other flags, has compiled.
  const cachedData = compiledCode();
  const script = new Script(readFileSync(filename, 'latin1'), { filename, ...(cachedData && { cachedData }) });
  script.runInThisContext()(require, filename, import.meta.dirname);
}

const [flag, ...others] = process.argv.slice(2);
if ((flag === '--version' || flag === '-V') && others.length === 0) {
  const { version } = JSON.parse(readFileSync(`${import.meta.dirname}/../package.json`, 'utf8')) as { version: string };
  process.stdout.write(`${version}\n`);
} else {
  launch();
}

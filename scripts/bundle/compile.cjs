// `node compile.cjs DIRECTORY KIND ARGUMENTS...`: runs the bundle in DIRECTORY with each of the ARGUMENTS (a command as a
// JSON list), one after the other, and writes to parts/*.KIND.compiled what V8 compiled for that.
const { hash } = require('node:crypto');
const { writeFileSync } = require('node:fs');
const { basename, join } = require('node:path');
const v8 = require('node:v8');
const vm = require('node:vm');

const [node = '', , directory = '', kind, ...commands] = process.argv;
const launcher = join(directory, 'main.js');

// Otherwise V8 drops what has not run for some time.
v8.setFlagsFromString('--no-flush-bytecode');
const { setFlagsFromString } = v8;
// V8 would note the flags that the daemon sets later, and refuse the code where they are not set yet.
v8.setFlagsFromString = () => {};

/** One for all commands. @type {Map<string, import('node:vm').Script>} */
const scripts = new Map();
const Script = new Proxy(vm.Script, {
  construct(target, [source, { filename }]) {
    const place = join(__dirname, '../../dist/parts', basename(filename));
    const script = scripts.get(filename) ?? new target(source, { filename: place });
    scripts.set(filename, script);
    return script;
  },
});
Object.assign(vm, { Script });

function runNext() {
  const command = commands.shift();
  if (command === undefined) return;
  process.argv = [node, launcher, ...JSON.parse(command)];
  delete require.cache[launcher];
  require(launcher);
}

process.on('beforeExit', runNext);
process.on('exit', () => {
  setFlagsFromString('--flush-bytecode');
  for (const [filename, script] of scripts) {
    const code = script.createCachedData();
    const digest = hash('sha256', code, 'buffer');
    writeFileSync(filename.replace(/\.js$/, `.${kind}.compiled`), Buffer.concat([digest, code]));
  }
  process.exitCode = 0;
});

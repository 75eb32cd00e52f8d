// `node compile.cjs DIRECTORY NAME ARGUMENTS...`: runs the bundle in DIRECTORY with each of the ARGUMENTS (a command as a
// JSON list), one after the other, and writes to NAME.compiled what V8 compiled for that. CommonJS, as the launcher is.
// The bundle is told that it is in its later place, which has the package around it.
const { readFileSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');
const v8 = require('node:v8');
const { Script } = require('node:vm');
const { crc32 } = require('node:zlib');

const [node = '', , directory = '', name, ...commands] = process.argv;
const place = join(__dirname, '../../dist');
const filename = join(place, 'lantern.js');
const script = new Script(readFileSync(join(directory, 'lantern.js'), 'latin1'), { filename });

// V8 would note the flags that the daemon sets later, and refuse the code where they are not set yet.
v8.setFlagsFromString = () => {};

function runNext() {
  const command = commands.shift();
  if (command === undefined) return;
  process.argv = [node, join(place, 'main.js'), ...JSON.parse(command)];
  script.runInThisContext()(createRequire(filename), filename, place);
}

process.on('beforeExit', runNext);
process.on('exit', () => {
  const code = script.createCachedData();
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32(code));
  writeFileSync(join(directory, `${name}.compiled`), Buffer.concat([checksum, code]));
  process.exitCode = 0;
});

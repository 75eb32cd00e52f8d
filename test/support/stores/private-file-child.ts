// A process that writes a half of a private file, says so, and goes on until it is ended:
//   node private-file-child.js FILE true|false
// The last says whether it may replace one.
import { writeSync } from 'node:fs';
import { writePrivateFile } from '../../../src/base/files.ts';

const [, , path = '', replace] = process.argv;

await writePrivateFile(path, { replace: replace === 'true' }, async (file) => {
  await file.writeFile('half');
  await file.sync();
  writeSync(1, 'half\n');
  await new Promise(() => setInterval(() => {}, 1_000_000));
});

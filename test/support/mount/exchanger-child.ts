import { lstatSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';

/**
 * A user who owns a directory: whatever somebody else makes there under one of the names is moved aside, and something
 * of the user's own put in its place, until this process is killed. Arguments: the user, the directory, `directory` or
 * `file`. A line is printed when it begins, and one for each exchange.
 */
const [, , user = '', directory = '', kind = ''] = process.argv;
process.setgroups?.([]);
process.setgid?.(Number(user));
process.setuid?.(Number(user));

const name = `${directory}/t`;
console.log('ready');
for (let turn = 0; ; turn++) {
  const decoy = `${directory}/decoy-${turn}`;
  try {
    if (kind === 'directory') mkdirSync(decoy, 0o777);
    else writeFileSync(decoy, '', { mode: 0o666 });
    while ((lstatSync(name, { throwIfNoEntry: false })?.uid ?? Number(user)) === Number(user));
    renameSync(name, `${directory}/aside-${turn}`);
    renameSync(decoy, name);
    console.log('exchanged');
  } catch {
    // It was gone again; so may the directory be, when this process is about to be killed.
  }
}

// Makes the key that all daemons of the profile share, once. Another machine's daemons need a copy of the same file.
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, renameSync, writeFileSync } from 'node:fs';

const FILE = '/keys/shared';
/** The daemons' user: a key file that is not its user's own is refused. */
const USER = 65532;

if (!existsSync(FILE)) {
  writeFileSync(`${FILE}.new`, `${randomBytes(32).toString('base64')}\n`, { mode: 0o400 });
  chownSync(`${FILE}.new`, USER, USER);
  renameSync(`${FILE}.new`, FILE);
}

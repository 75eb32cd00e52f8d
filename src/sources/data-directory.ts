import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { LanternError, toLanternError } from '../base/errors.ts';
import { makeDirectories } from '../base/make-directories.ts';

/** Where the embedded store keeps what, below its data directory. */
export type DataPaths = {
  readonly directory: string;
  /** LevelDB's own directory. */
  readonly database: string;
  /** The newest head, outside the database so that an older copy of that is noticed. */
  readonly head: string;
  /** Room for when there is none else: see `SpaceReserve`. */
  readonly reserve: string;
};

export function dataPaths(directory: string): DataPaths {
  return {
    directory,
    database: join(directory, 'db'),
    head: join(directory, 'head'),
    reserve: join(directory, 'reserve'),
  };
}

/** The data directory when nobody says otherwise: /var/lib/lantern for root, else below $XDG_STATE_HOME or ~/.local/state. */
export function defaultDataDirectory(
  user: { readonly uid: number },
  environment: Readonly<Record<string, string | undefined>>,
): string {
  if (user.uid === 0) return '/var/lib/lantern';
  const state = environment.XDG_STATE_HOME;
  return join(state?.startsWith('/') ? state : join(environment.HOME || homedir(), '.local/state'), 'lantern');
}

/** The key file when none is named: beside the data. */
export function defaultKeyFile(dataDirectory: string): string {
  return join(dataDirectory, 'key');
}

/** Makes the directory, 0700, when it is missing. `failed-precondition` when others can enter it or it is not this user's. */
export async function prepareDataDirectory(path: string): Promise<void> {
  const what = `open the data directory "${path}"`;
  try {
    makeDirectories(path, 0o700);
    const found = await stat(path);
    const mode = found.mode & 0o777;
    const user = process.geteuid?.();
    if (user !== undefined && found.uid !== user) {
      throw new LanternError(
        'failed-precondition',
        `${what}: it belongs to user ${found.uid}; name another --data-dir`,
      );
    }
    if ((mode & 0o077) !== 0) {
      const text = mode.toString(8).padStart(4, '0');
      throw new LanternError('failed-precondition', `${what}: its mode ${text} lets others in; chmod it to 0700`);
    }
  } catch (error) {
    throw toLanternError(error, what);
  }
}

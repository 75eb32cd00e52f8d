import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { LanternError, toLanternError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';

/** Who this process is to etcd, and whom it trusts there. SECRET. */
export type EtcdIdentity = {
  /** Contents of PEM files; undefined for plain HTTP. */
  readonly tls:
    | { readonly ca: Buffer | undefined; readonly cert: Buffer | undefined; readonly key: Buffer | undefined }
    | undefined;
  readonly login: { readonly user: string; readonly password: string } | undefined;
};

type Files = Pick<EtcdConfig, 'endpoints' | 'ca' | 'pair' | 'login'>;

/**
 * The identity that the flags' files hold. They may be replaced at any time, by what renews certificates for instance.
 */
export class EtcdIdentityFiles {
  /** The last identity that was read and is usable. */
  current: EtcdIdentity;
  readonly #files: Files;
  readonly #log: Log;
  #problem: string | undefined;

  private constructor(files: Files, log: Log, identity: EtcdIdentity) {
    this.#files = files;
    this.#log = log;
    this.current = identity;
  }

  /** Errors: as `readIdentity`. */
  static async open(files: Files, log: Log): Promise<EtcdIdentityFiles> {
    return new EtcdIdentityFiles(files, log, await readIdentity(files));
  }

  /**
   * Reads the files again. Keeps the last identity if they are unusable, in the middle of a replacement for example.
   */
  async renewed(): Promise<EtcdIdentity> {
    try {
      const identity = await readIdentity(this.#files);
      this.#problem = undefined;
      if (isDeepStrictEqual(identity, this.current)) return this.current;
      this.current = identity;
      this.#log.info('what this daemon shows to etcd, or trusts there, was renewed');
    } catch (error) {
      const { message } = toLanternError(
        error,
        'read what --etcd-ca, --etcd-cert, --etcd-key and --etcd-password-file name',
      );
      if (message !== this.#problem) this.#log.warn(`${message}; what was read before stays in use`);
      this.#problem = message;
    }
    return this.current;
  }
}

/**
 * Reads what the flags name. Errors: as `readFile` has them, with the flag; `failed-precondition` for an empty
 * password, and for certificates that are none or do not belong to their key.
 */
export async function readIdentity({ endpoints, ca, pair, login }: Files): Promise<EtcdIdentity> {
  const isTls = endpoints.some((endpoint) => endpoint.startsWith('https:'));
  const tls = {
    ca: ca === undefined ? undefined : await read('--etcd-ca', ca),
    cert: pair === undefined ? undefined : await read('--etcd-cert', pair.cert),
    key: pair === undefined ? undefined : await read('--etcd-key', pair.key),
  };
  if (tls.ca !== undefined) {
    const { ca: text } = tls;
    requireUsable(() => new X509Certificate(text), `read --etcd-ca "${ca}"`, 'it is not a certificate in PEM');
  }
  if (pair !== undefined) {
    const what = `read --etcd-cert "${pair.cert}" and --etcd-key "${pair.key}"`;
    const { cert, key } = tls;
    requireUsable(() => createSecureContext({ cert, key }), what, 'they do not belong together, or are not PEM');
  }
  return {
    tls: isTls ? tls : undefined,
    login: login === undefined ? undefined : { user: login.user, password: await readPassword(login.passwordFile) },
  };
}

function requireUsable(use: () => unknown, what: string, why: string): void {
  try {
    use();
  } catch {
    throw new LanternError('failed-precondition', `${what}: ${why}`);
  }
}

async function readPassword(path: string): Promise<string> {
  const password = (await read('--etcd-password-file', path)).toString('utf8').replace(/\r?\n$/, '');
  if (password !== '') return password;
  throw new LanternError('failed-precondition', `read --etcd-password-file "${path}": it is empty`);
}

async function read(flag: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw toLanternError(error, `read ${flag} "${path}"`);
  }
}

/** Where an etcd is, and who this daemon is there. */
export type EtcdConfig = {
  /** `http://host:port` or `https://host:port`, all alike; never empty. */
  readonly endpoints: readonly string[];
  /** Everything lies below it: begins with a slash and does not end with one. */
  readonly prefix: string;
  /** Paths of PEM files; the system's authorities where `ca` is undefined. */
  readonly ca: string | undefined;
  readonly pair: { readonly cert: string; readonly key: string } | undefined;
  readonly login: { readonly user: string; readonly passwordFile: string } | undefined;
  /** Daemons that start together make their first call within this, each at random. */
  readonly startSpreadMs: number;
};

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { LanternError, toLanternError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';

/** This process's credentials for etcd, and the authority it trusts. SECRET. */
export type EtcdIdentity = {
  /** Contents of PEM files; undefined for plain HTTP. */
  readonly tls:
    | { readonly ca: Buffer | undefined; readonly cert: Buffer | undefined; readonly key: Buffer | undefined }
    | undefined;
  readonly login: { readonly user: string; readonly password: string } | undefined;
};

type Files = Pick<EtcdConfig, 'endpoints' | 'ca' | 'pair' | 'login'>;

/** The identity in the flags' files, which may be replaced at any time, for example at certificate renewal. */
export class EtcdIdentityFiles {
  /** The last usable identity. */
  current: EtcdIdentity;
  readonly #files: Files;
  readonly #log: Log;
  #problem: string | undefined;

  private constructor(files: Files, log: Log, identity: EtcdIdentity) {
    this.#files = files;
    this.#log = log;
    this.current = identity;
  }

  /** Errors as `readIdentity`. */
  static async open(files: Files, log: Log): Promise<EtcdIdentityFiles> {
    return new EtcdIdentityFiles(files, log, await readIdentity(files));
  }

  /** Reads the files again. Keeps the last identity if they are unusable, for example during a replacement. */
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

/** Errors as `readFile`; `failed-precondition` for an empty password or an invalid or mismatched certificate. */
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

export type EtcdConfig = {
  /** `http://host:port` or `https://host:port`, all with the same scheme; never empty. */
  readonly endpoints: readonly string[];
  /** The prefix of all keys: begins with a slash and does not end with one. */
  readonly prefix: string;
  /** Paths of PEM files; the system's authorities if `ca` is undefined. */
  readonly ca: string | undefined;
  readonly pair: { readonly cert: string; readonly key: string } | undefined;
  readonly login: { readonly user: string; readonly passwordFile: string } | undefined;
  /** Milliseconds. Each daemon delays its first call by a random part of this, to spread simultaneous starts. */
  readonly startSpreadMs: number;
};

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Server, ServerCredentials } from '@grpc/grpc-js';
import { LanternError, obstacleOf } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { bindError } from './bind-error.ts';
import { Reading } from './reading.ts';

export type TcpOptions = {
  /** `host:port`. */
  readonly address: string;
  /** Plain TCP, for tests on one's own machine; anybody who connects may do anything. */
  readonly insecure: boolean;
  /** Paths of PEM files; clients must show a certificate of the client CA. */
  readonly tls?: TlsFiles;
};

export type TlsFiles = { readonly cert: string; readonly key: string; readonly clientCa: string };

/** Lets the server answer on TCP; gives the port. `invalid-argument` names every file that cannot be used, by its flag. */
export async function listenOnTcp(server: Server, { address, insecure, tls }: TcpOptions): Promise<number> {
  const credentials = insecure ? ServerCredentials.createInsecure() : await mutualTls(tls);
  return await new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error) reject(bindError(error, `listen on "${address}"`));
      else resolve(port);
    });
  });
}

async function mutualTls(files: TlsFiles | undefined): Promise<ServerCredentials> {
  if (files === undefined) {
    throw new LanternError('invalid-argument', 'TCP needs --tls-cert, --tls-key and --tls-client-ca');
  }
  const reading = new Reading();
  const cert = reading.take(await readPem(files.cert, '--tls-cert', 'a certificate', toCertificate));
  const key = reading.take(
    await readPem(files.key, '--tls-key', 'a private key without a passphrase', createPrivateKey),
  );
  const clientCa = reading.take(await readPem(files.clientCa, '--tls-client-ca', 'a certificate', toCertificate));
  if (cert && key && !cert.content.checkPrivateKey(key.content)) {
    reading.refuse('--tls-key', `"${files.key}" does not belong to the certificate in "${files.cert}"`);
  }
  if (!cert || !key || !clientCa || !reading.isGood) throw reading.error();
  return ServerCredentials.createSsl(clientCa.pem, [{ cert_chain: cert.pem, private_key: key.pem }], true);
}

type Pem<T extends X509Certificate | KeyObject> = { readonly pem: Buffer; readonly content: T };

/** Node would take a file without a certificate as an authority that nobody can have a certificate of. */
async function readPem<T extends X509Certificate | KeyObject>(
  path: string,
  flag: string,
  kind: string,
  parse: (pem: Buffer) => T,
): Promise<Parsed<Pem<T>>> {
  const refuse = (problem: string): Parsed<Pem<T>> => faulty([{ field: flag, message: `"${path}" ${problem}` }]);
  let pem: Buffer;
  try {
    pem = await readFile(path);
  } catch (error) {
    return refuse(`cannot be read: ${obstacleOf(error)}`);
  }
  try {
    return parsed({ pem, content: parse(pem) });
  } catch {
    // The library's message may quote the key.
    return refuse(`holds no PEM text of ${kind}`);
  }
}

function toCertificate(pem: Buffer): X509Certificate {
  return new X509Certificate(pem);
}

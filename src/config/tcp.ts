import type { Fault } from '../base/errors.ts';

/** `insecure` and `tls` exclude each other. */
export type TcpConfig = {
  /** `host:port`, as gRPC takes it. */
  readonly address: string;
  readonly insecure: boolean;
  readonly tls?: TlsFiles;
};

/** Paths of PEM files. */
export type TlsFiles = { readonly cert: string; readonly key: string; readonly clientCa: string };

/** As they were given. */
type TcpOptions = {
  readonly address: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly clientCa: string | undefined;
  readonly insecure: boolean;
};

/** TCP is off, mutual TLS, or plain on a flag that says so; anything between is a fault. */
export function tcpOf(given: TcpOptions, faults: Fault[]): TcpConfig | undefined {
  const { address, cert, key, clientCa, insecure } = given;
  const tls = Object.entries({ '--tls-cert': cert, '--tls-key': key, '--tls-client-ca': clientCa });
  const present = tls.flatMap(([flag, path]) => (path === undefined ? [] : [flag]));
  const refuse = (field: string, message: string) => void faults.push({ field, message });
  if (address === undefined) {
    for (const flag of insecure ? ['--insecure-plain-tcp', ...present] : present) {
      refuse(flag, 'needs --listen HOST:PORT as well');
    }
    return undefined;
  }
  if (insecure) {
    if (present.length > 0)
      refuse('--insecure-plain-tcp', 'contradicts --tls-cert, --tls-key and --tls-client-ca; choose one');
    return { address, insecure };
  }
  if (cert === undefined || key === undefined || clientCa === undefined) {
    const missing = tls.flatMap(([flag, path]) => (path === undefined ? [flag] : []));
    refuse(
      '--listen',
      `TCP needs mutual TLS: add ${missing.join(', ')} (or, on a network of your own, --insecure-plain-tcp)`,
    );
    return undefined;
  }
  return { address, insecure, tls: { cert, key, clientCa } };
}

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { LogFormat, LogLevel } from './base/log.ts';
import { faulty, type Parsed, parsed } from './base/parsed.ts';

/** One setting of `lantern serve`: flag, environment variable, help and parser come from here alone. */
export type ConfigOption<T> = {
  readonly flag: `--${string}`;
  /** What the help calls the value; undefined for a switch. */
  readonly value: string | undefined;
  readonly environment: string;
  readonly help: string;
  /** The default in words. */
  readonly defaultText: string;
  /** May be given several times; in the environment separated by colons. */
  readonly repeatable: boolean;
  /** `field` is what a fault calls it: the flag or the variable, whichever was used. */
  readonly parse: (texts: readonly string[], field: string) => Parsed<T>;
};

export type PublisherChoice = 'auto' | 'bind' | 'direct';
export type Isolation = 'namespace' | 'volume';
export type StoreChoice = 'memory' | 'embedded';

const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];
const LOG_FORMATS: readonly LogFormat[] = ['text', 'json'];
const DEFAULT_POOL_BYTES = 64 * 1024 * 1024;
const MIN_POOL_BYTES = 1024 * 1024;
const MAX_NODE_ID_BYTES = 256;

/** Every setting, in the order of the help. */
export const CONFIG_OPTIONS = {
  runDir: option(
    '--run-dir',
    'DIR',
    path,
    'sockets, pools and records',
    '/run/lantern; without root $XDG_RUNTIME_DIR/lantern',
  ),
  csiEndpoint: {
    ...option(
      '--csi-endpoint',
      'ENDPOINT',
      socketEndpoint,
      'socket of csi.v1: unix:///PATH, unix:/PATH or a path',
      'RUN-DIR/csi/csi.sock',
    ),
    environment: 'CSI_ENDPOINT',
  },
  socketGroup: option('--socket-group', 'GROUP', groupId, 'group (name or gid) that may use the sockets', 'none'),
  listen: option('--listen', 'HOST:PORT', hostAndPort, 'serve on TCP as well, with mutual TLS', 'off'),
  tlsCert: option('--tls-cert', 'FILE', path, "the daemon's certificate, PEM", 'none'),
  tlsKey: option('--tls-key', 'FILE', path, "the daemon's private key, PEM", 'none'),
  tlsClientCa: option('--tls-client-ca', 'FILE', path, "authority of the clients' certificates, PEM", 'none'),
  insecurePlainTcp: toggle('--insecure-plain-tcp', 'let --listen do without TLS: everyone who connects is trusted'),
  publisher: option(
    '--publisher',
    'auto|bind|direct',
    oneOf<PublisherChoice>('auto', 'bind', 'direct'),
    'how volumes become visible',
    'auto',
  ),
  allowDisk: toggle('--allow-disk', 'let the direct publisher write secrets to a real disk'),
  isolation: option(
    '--isolation',
    'namespace|volume',
    oneOf<Isolation>('namespace', 'volume'),
    'what shares a tmpfs',
    'namespace',
  ),
  poolSize: {
    ...option('--pool-size', 'SIZE', byteSize, 'size of one tmpfs', '64Mi'),
    defaultValue: DEFAULT_POOL_BYTES,
  },
  poolTotal: option('--pool-total', 'SIZE', byteSize, 'limit over all of them', 'half of the memory'),
  requireNoswap: toggle('--require-noswap', 'refuse to run where secrets could be swapped out'),
  store: option(
    '--store',
    'memory|embedded',
    oneOf<StoreChoice>('memory', 'embedded'),
    'where objects are kept: until the daemon ends, or encrypted on disk',
    'embedded',
  ),
  dataDir: option(
    '--data-dir',
    'DIR',
    path,
    'the embedded store',
    '/var/lib/lantern; without root $XDG_STATE_HOME/lantern or ~/.local/state/lantern',
  ),
  keyFile: {
    ...option(
      '--key-file',
      'FILE',
      path,
      "the embedded store's key; repeated, the first encrypts and all decrypt",
      'DATA-DIR/key, made at the first start',
    ),
    repeatable: true,
    parse: paths,
  },
  manifests: option('--manifests', 'DIR', path, 'objects to apply at start and whenever a file there changes', 'none'),
  targetRoot: {
    ...option(
      '--target-root',
      'DIR',
      path,
      'where targets may lie; may be repeated',
      'anywhere; /var/lib/kubelet/pods with --host kubernetes',
    ),
    repeatable: true,
    parse: paths,
  },
  host: option(
    '--host',
    'generic|kubernetes',
    oneOf('generic', 'kubernetes'),
    'who calls csi.v1; with kubernetes only what the kubelet says of a pod counts',
    'generic',
  ),
  driverName: {
    ...option('--driver-name', 'NAME', driverName, "the CSI plugin's name", 'lantern.csi.dev'),
    defaultValue: 'lantern.csi.dev',
  },
  nodeId: option('--node-id', 'ID', nodeId, "this node's id for CSI", 'the host name'),
  logLevel: option('--log-level', LOG_LEVELS.join('|'), oneOf(...LOG_LEVELS), 'how much is logged, on stderr', 'info'),
  logFormat: option('--log-format', LOG_FORMATS.join('|'), oneOf(...LOG_FORMATS), 'shape of the log', 'text'),
  unmountOnExit: toggle('--unmount-on-exit', 'take every volume away at the end, for demos and tests'),
};

function option<T>(
  flag: `--${string}`,
  value: string,
  parse: (text: string, field: string) => Parsed<T>,
  help: string,
  defaultText: string,
): ConfigOption<T> {
  // Of a flag given twice the last one counts, as everywhere on a command line.
  const parseLast = (texts: readonly string[], field: string) => parse(texts.at(-1) ?? '', field);
  return { flag, value, environment: environmentName(flag), help, defaultText, repeatable: false, parse: parseLast };
}

function toggle(flag: `--${string}`, help: string): ConfigOption<boolean> {
  return { ...option(flag, '', trueOrFalse, help, 'off'), value: undefined };
}

function environmentName(flag: string): string {
  return `LANTERN_${flag.slice(2).toUpperCase().replaceAll('-', '_')}`;
}

function trueOrFalse(text: string, field: string): Parsed<boolean> {
  if (['true', '1', 'yes', 'on'].includes(text.toLowerCase())) return parsed(true);
  if (['false', '0', 'no', 'off'].includes(text.toLowerCase())) return parsed(false);
  return refuse(field, `"${text}" is neither true nor false`);
}

function oneOf<T extends string>(...words: readonly T[]): (text: string, field: string) => Parsed<T> {
  return (text, field) => {
    const word = words.find((candidate) => candidate === text);
    return word === undefined ? refuse(field, `"${text}" must be one of ${words.join(', ')}`) : parsed(word);
  };
}

function path(text: string, field: string): Parsed<string> {
  if (text === '') return refuse(field, 'must not be empty');
  return text.includes('\0') ? refuse(field, 'must not contain a NUL byte') : parsed(resolve(text));
}

function paths(texts: readonly string[], field: string): Parsed<readonly string[]> {
  const results = texts.map((text) => path(text, field));
  const faults = results.flatMap((result) => (result.ok ? [] : result.faults));
  return faults.length > 0 ? faulty(faults) : parsed(results.flatMap((result) => (result.ok ? [result.value] : [])));
}

/** CSI's `unix:///p`, gRPC's `unix:/p`, or a bare path. */
function socketEndpoint(text: string, field: string): Parsed<string> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return path(text, field);
  if (scheme !== 'unix') return refuse(field, `"${text}" is no unix socket; TCP is set with --listen`);
  const rest = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
  if (!rest.startsWith('/') || rest.startsWith('//'))
    return refuse(field, `"${text}" must hold an absolute path: unix:///PATH`);
  return path(rest, field);
}

function hostAndPort(text: string, field: string): Parsed<string> {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65_535)
    return refuse(field, `"${text}" must be HOST:PORT, e.g. 127.0.0.1:7443`);
  return parsed(text);
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A whole number of bytes as a Kubernetes quantity. */
function byteSize(text: string, field: string): Parsed<number> {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  if (match === null || unit === undefined) return refuse(field, `"${text}" must be a size, e.g. 64Mi`);
  const bytes = Math.ceil(Number(match[1]) * unit);
  if (!Number.isSafeInteger(bytes)) return refuse(field, `"${text}" is more than any machine has`);
  return bytes < MIN_POOL_BYTES ? refuse(field, `"${text}" must be at least 1Mi`) : parsed(bytes);
}

/** What csi-sanity accepts, which is narrower than the CSI specification: a letter at both ends, 63 characters. */
function driverName(text: string, field: string): Parsed<string> {
  if (/^[A-Za-z](?:[-.A-Za-z0-9]{0,61}[A-Za-z])?$/.test(text)) return parsed(text);
  return refuse(field, `"${text}" must be at most 63 letters, digits, "-" and ".", with a letter first and last`);
}

function nodeId(text: string, field: string): Parsed<string> {
  if (text === '') return refuse(field, 'must not be empty');
  const bytes = Buffer.byteLength(text);
  return bytes > MAX_NODE_ID_BYTES
    ? refuse(field, `must be at most ${MAX_NODE_ID_BYTES} bytes, not ${bytes}`)
    : parsed(text);
}

/** A gid, or the name of a group of /etc/group (Node has no getgrnam; groups of other name services need the number). */
function groupId(text: string, field: string): Parsed<number> {
  if (/^\d+$/.test(text)) {
    return Number(text) < 2 ** 32 - 1 ? parsed(Number(text)) : refuse(field, `"${text}" is no group id`);
  }
  const entry = groupEntries().find((fields) => fields[0] === text);
  const gid = Number(entry?.[2]);
  return Number.isInteger(gid) ? parsed(gid) : refuse(field, `"${text}" is not in /etc/group; give its number instead`);
}

function groupEntries(): string[][] {
  try {
    return readFileSync('/etc/group', 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  } catch {
    return [];
  }
}

function refuse<T>(field: string, message: string): Parsed<T> {
  return faulty([{ field, message }]);
}

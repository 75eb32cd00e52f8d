import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseDuration } from '../base/clock.ts';
import type { Fault } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { parseNamespace } from '../objects/names.ts';
import { MAX_GROUP } from '../spec/volume-spec.ts';
import type { User } from './run-directory.ts';

/** A heading of help and documentation. */
export type Group =
  | 'Sockets'
  | 'TCP'
  | 'CSI host'
  | 'Docker'
  | 'Targets'
  | 'Memory'
  | 'Store'
  | 'etcd'
  | 'Objects'
  | 'Tokens'
  | 'Pods'
  | 'Observation';

export type Surroundings = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly user: User;
  readonly hostname?: string;
  /** Bytes; the memory available to this process if left out. */
  readonly memoryBytes?: number;
};

/** The values that computed defaults may use. Their options come first in the table. */
export type Above = {
  readonly runDirectory: string;
  readonly dataDirectory: string;
  readonly host: string;
  readonly poolTotalBytes: number | undefined;
};

type Compute<V> = (above: Above, surroundings: Surroundings) => V;

/** `text` describes the default in help. */
export class Computed<V> {
  readonly text: string;
  readonly of: Compute<V>;

  constructor(text: string, of: Compute<V>) {
    this.text = text;
    this.of = of;
  }
}

export function unset(text = 'none'): Computed<undefined> {
  return new Computed(text, () => undefined);
}

/** An option of `lantern serve`. `T` is the type of its value, `D` that of its default, which may be computed. */
export type Option<G extends Group = Group, T = unknown, D = unknown> = {
  readonly group: G;
  readonly flag: `--${string}`;
  readonly environment: string;
  /** The value's name in help; undefined for a switch. */
  readonly placeholder: string | undefined;
  /** In the environment, values are separated by colons. */
  readonly isRepeatable: boolean;
  readonly default: D;
  readonly defaultText: string;
  /** A phrase in lower case, without a full stop. */
  readonly help: string;
  /** `field` names the flag or variable in faults. */
  readonly parse: (texts: readonly string[], field: string) => Parsed<T>;
};

export type ValueOf<O> = O extends Option<Group, infer T, infer D> ? T | (D extends Computed<infer V> ? V : D) : never;

/** The variable is derived from the flag: LANTERN_RUN_DIR for `--run-dir`. */
export function option<G extends Group, T, const D extends T | Computed<T | undefined>>(
  group: G,
  flag: `--${string}`,
  { placeholder, isRepeatable, parse, print }: ValueKind<T>,
  byDefault: D,
  help: string,
): Option<G, T, D> {
  const environment = `LANTERN_${flag.slice(2).toUpperCase().replaceAll('-', '_')}`;
  const defaultText = byDefault instanceof Computed ? byDefault.text : print(byDefault as T);
  return { group, flag, environment, placeholder, isRepeatable, default: byDefault, defaultText, help, parse };
}

/** The maximum length of a unix socket path; a longer one is cut silently (unix(7)). */
export const MAX_SOCKET_PATH_BYTES = 107;

const MIN_POOL_BYTES = 1024 * 1024;
const MAX_NODE_ID_BYTES = 256;
const MAX_PREFIX_BYTES = 255;
const MIN_PERIOD_MS = 100;

type ValueKind<T> = {
  readonly placeholder: string | undefined;
  readonly isRepeatable: boolean;
  readonly parse: (texts: readonly string[], field: string) => Parsed<T>;
  /** The value as a user would write it, for help. */
  readonly print: (value: T) => string;
};

type Parse<T> = (text: string, field: string) => Parsed<T>;

function kind<T>(placeholder: string | undefined, parse: Parse<T>, print: (value: T) => string = String): ValueKind<T> {
  // The last of repeated flags counts, as usual on a command line.
  return { placeholder, isRepeatable: false, parse: (texts, field) => parse(texts.at(-1) ?? '', field), print };
}

export function repeated<T>(one: ValueKind<T>): ValueKind<readonly T[]> {
  return {
    placeholder: one.placeholder,
    isRepeatable: true,
    parse: (texts, field) => {
      const results = texts.map((text) => one.parse([text], field));
      const faults = results.flatMap((result) => (result.ok ? [] : result.faults));
      return faults.length > 0
        ? faulty(faults)
        : parsed(results.flatMap((result) => (result.ok ? [result.value] : [])));
    },
    print: (values) => values.map(one.print).join(':'),
  };
}

export function switchBetween<T>(off: T, on: T): ValueKind<T> {
  const parse: Parse<T> = (text, field) => {
    if (['true', '1', 'yes', 'on'].includes(text.toLowerCase())) return parsed(on);
    if (['false', '0', 'no', 'off'].includes(text.toLowerCase())) return parsed(off);
    return refuse(field, `"${text}" is neither true nor false`);
  };
  return kind(undefined, parse, (value) => (value === on ? 'on' : 'off'));
}

export const toggle = switchBetween<boolean>(false, true);

export function oneOf<const T extends string>(...words: readonly T[]): ValueKind<T> {
  return kind(words.join('|'), (text, field) => {
    const word = words.find((candidate) => candidate === text);
    return word === undefined ? refuse(field, `"${text}" must be one of ${words.join(', ')}`) : parsed(word);
  });
}

const parsePath: Parse<string> = (text, field) => {
  if (text === '') return refuse(field, 'must not be empty');
  return text.includes('\0') ? refuse(field, 'must not contain a NUL byte') : parsed(resolve(text));
};

export const file = kind('FILE', parsePath);
export const directory = kind('DIR', parsePath);
export const socketPath = kind('PATH', parsePath);

/** CSI's `unix:///p`, gRPC's `unix:/p`, or a bare path. */
export const endpoint = kind('ENDPOINT', (text, field) => {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return parsePath(text, field);
  if (scheme !== 'unix') return refuse(field, `"${text}" is not a unix socket; TCP is set with --listen`);
  const rest = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
  if (!rest.startsWith('/') || rest.startsWith('//'))
    return refuse(field, `"${text}" must have an absolute path: unix:///PATH`);
  return parsePath(rest, field);
});

export const address = kind('HOST:PORT', (text, field) => {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65_535)
    return refuse(field, `"${text}" must be HOST:PORT, e.g. 127.0.0.1:7443`);
  return parsed(text);
});

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

/** A Kubernetes quantity, in whole bytes. */
export const size = kind('SIZE', (text, field) => {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  if (match === null || unit === undefined) return refuse(field, `"${text}" must be a size, e.g. 64Mi`);
  const bytes = Math.ceil(Number(match[1]) * unit);
  if (!Number.isSafeInteger(bytes)) return refuse(field, `"${text}" is more than any machine has`);
  return bytes < MIN_POOL_BYTES ? refuse(field, `"${text}" must be at least 1Mi`) : parsed(bytes);
});

/** Milliseconds, at least 100: a shorter period is a mistake, and would only cause load. */
export const period = kind(
  'DURATION',
  (text, field) => {
    const duration = parseDuration(text, field);
    if (!duration.ok || duration.value >= MIN_PERIOD_MS) return duration;
    return refuse(field, `"${text}" must be at least 100ms`);
  },
  (ms) => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`),
);

/** Any text, but an absolute URI if it contains a colon (RFC 7519, StringOrURI). */
export const stringOrUri = kind('ISSUER', (text, field) => {
  if (text === '') return refuse(field, 'must not be empty');
  return text.includes(':') && !URL.canParse(text)
    ? refuse(field, `"${text}" has a colon but is not a URI`)
    : parsed(text);
});

/** The names that csi-sanity accepts, fewer than CSI: a letter at both ends, 63 characters. */
export const driverName = kind('NAME', (text, field) => {
  if (/^[A-Za-z](?:[-.A-Za-z0-9]{0,61}[A-Za-z])?$/.test(text)) return parsed(text);
  return refuse(field, `"${text}" must be at most 63 letters, digits, "-" and ".", with a letter first and last`);
});

export const nodeId = kind('ID', (text, field) => {
  if (text === '') return refuse(field, 'must not be empty');
  const bytes = Buffer.byteLength(text);
  return bytes > MAX_NODE_ID_BYTES
    ? refuse(field, `must be at most ${MAX_NODE_ID_BYTES} bytes, not ${bytes}`)
    : parsed(text);
});

export const namespaces = kind('NAME,NAME', (text, field): Parsed<readonly string[]> => {
  const results = text.split(',').map((name) => parseNamespace(name, field));
  const faults = results.flatMap((result) => (result.ok ? [] : result.faults));
  return faults.length > 0 ? faulty(faults) : parsed(results.flatMap((result) => (result.ok ? [result.value] : [])));
});

/** A gid or a name in /etc/group. Node has no getgrnam: groups of other name services need the number. */
export const group = kind('GROUP', (text, field) => {
  if (/^\d+$/.test(text)) {
    return Number(text) <= MAX_GROUP ? parsed(Number(text)) : refuse(field, `"${text}" is not a group id`);
  }
  const entry = groupEntries().find((fields) => fields[0] === text);
  const gid = Number(entry?.[2]);
  return Number.isInteger(gid) ? parsed(gid) : refuse(field, `"${text}" is not in /etc/group; give its number instead`);
});

function groupEntries(): string[][] {
  try {
    return readFileSync('/etc/group', 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  } catch {
    return [];
  }
}

/** Never empty, and all of one scheme. */
export const etcdEndpoints = kind('URL,URL', (text, field): Parsed<readonly string[]> => {
  const faults: Fault[] = [];
  const endpoints = text.split(',').map((part) => {
    const url = URL.canParse(part) ? new URL(part) : undefined;
    const isPlain = url !== undefined && url.pathname === '/' && url.search === '' && url.hash === '';
    // The port is required: URL leaves out the default of the scheme, and etcd has another one.
    const match = /^(https?):\/\/(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]/?#@]+):\d{1,5}\/?$/.exec(part);
    if (!isPlain || match === null) {
      // Not quoted, because it may contain a password.
      const shown = part.includes('@') ? 'an endpoint with "@" in it' : `"${part}"`;
      faults.push({
        field,
        message: `${shown} must be http://HOST:PORT or https://HOST:PORT, e.g. https://127.0.0.1:2379`,
      });
    }
    return part.replace(/\/$/, '');
  });
  const schemes = new Set(endpoints.map((endpoint) => endpoint.split(':')[0]));
  if (faults.length === 0 && schemes.size > 1) faults.push({ field, message: 'must be all http or all https' });
  return faults.length > 0 ? faulty(faults) : parsed([...new Set(endpoints)]);
});

/** Starts with a slash and does not end with one. */
export const etcdPrefix = kind('PREFIX', (text, field) => {
  if (/^(?:\/[-._A-Za-z0-9]+)+$/.test(text) && text.length <= MAX_PREFIX_BYTES) return parsed(text);
  const rule = `must be one or more of "/NAME", of letters, digits, "-", "_" and ".", ${MAX_PREFIX_BYTES} bytes at most`;
  return refuse(field, `"${text}" ${rule}`);
});

export const userName = kind('NAME', (text, field) =>
  text === '' ? refuse(field, 'must not be empty') : parsed(text),
);

function refuse(field: string, message: string): Parsed<never> {
  return faulty([{ field, message }]);
}

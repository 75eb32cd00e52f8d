import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseDuration } from '../base/duration.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/** The longest path of a unix socket that fits into its address; a longer one would be cut silently (unix(7)). */
export const MAX_SOCKET_PATH_BYTES = 107;

const MIN_POOL_BYTES = 1024 * 1024;
const MAX_NODE_ID_BYTES = 256;
const MIN_PERIOD_MS = 100;

export function trueOrFalse(text: string, field: string): Parsed<boolean> {
  if (['true', '1', 'yes', 'on'].includes(text.toLowerCase())) return parsed(true);
  if (['false', '0', 'no', 'off'].includes(text.toLowerCase())) return parsed(false);
  return refuse(field, `"${text}" is neither true nor false`);
}

export function oneOf<T extends string>(...words: readonly T[]): (text: string, field: string) => Parsed<T> {
  return (text, field) => {
    const word = words.find((candidate) => candidate === text);
    return word === undefined ? refuse(field, `"${text}" must be one of ${words.join(', ')}`) : parsed(word);
  };
}

export function path(text: string, field: string): Parsed<string> {
  if (text === '') return refuse(field, 'must not be empty');
  return text.includes('\0') ? refuse(field, 'must not contain a NUL byte') : parsed(resolve(text));
}

export function paths(texts: readonly string[], field: string): Parsed<readonly string[]> {
  const results = texts.map((text) => path(text, field));
  const faults = results.flatMap((result) => (result.ok ? [] : result.faults));
  return faults.length > 0 ? faulty(faults) : parsed(results.flatMap((result) => (result.ok ? [result.value] : [])));
}

/** CSI's `unix:///p`, gRPC's `unix:/p`, or a bare path. */
export function socketEndpoint(text: string, field: string): Parsed<string> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return path(text, field);
  if (scheme !== 'unix') return refuse(field, `"${text}" is no unix socket; TCP is set with --listen`);
  const rest = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
  if (!rest.startsWith('/') || rest.startsWith('//'))
    return refuse(field, `"${text}" must hold an absolute path: unix:///PATH`);
  return path(rest, field);
}

export function hostAndPort(text: string, field: string): Parsed<string> {
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
export function byteSize(text: string, field: string): Parsed<number> {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  if (match === null || unit === undefined) return refuse(field, `"${text}" must be a size, e.g. 64Mi`);
  const bytes = Math.ceil(Number(match[1]) * unit);
  if (!Number.isSafeInteger(bytes)) return refuse(field, `"${text}" is more than any machine has`);
  return bytes < MIN_POOL_BYTES ? refuse(field, `"${text}" must be at least 1Mi`) : parsed(bytes);
}

/** At least a tenth of a second: anything shorter is a typing error, and would be nothing but load. */
export function period(text: string, field: string): Parsed<number> {
  const duration = parseDuration(text, field);
  if (!duration.ok || duration.value >= MIN_PERIOD_MS) return duration;
  return refuse(field, `"${text}" must be at least 100ms`);
}

/** A claim that may be any text, or an absolute URI where it has a colon (RFC 7519, StringOrURI). */
export function stringOrUri(text: string, field: string): Parsed<string> {
  if (text === '') return refuse(field, 'must not be empty');
  return text.includes(':') && !URL.canParse(text)
    ? refuse(field, `"${text}" has a colon but is no URI`)
    : parsed(text);
}

/** What csi-sanity accepts, which is narrower than the CSI specification: a letter at both ends, 63 characters. */
export function driverName(text: string, field: string): Parsed<string> {
  if (/^[A-Za-z](?:[-.A-Za-z0-9]{0,61}[A-Za-z])?$/.test(text)) return parsed(text);
  return refuse(field, `"${text}" must be at most 63 letters, digits, "-" and ".", with a letter first and last`);
}

export function nodeId(text: string, field: string): Parsed<string> {
  if (text === '') return refuse(field, 'must not be empty');
  const bytes = Buffer.byteLength(text);
  return bytes > MAX_NODE_ID_BYTES
    ? refuse(field, `must be at most ${MAX_NODE_ID_BYTES} bytes, not ${bytes}`)
    : parsed(text);
}

/** A gid, or the name of a group of /etc/group (Node has no getgrnam; groups of other name services need the number). */
export function groupId(text: string, field: string): Parsed<number> {
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

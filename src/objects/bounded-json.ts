import type { ScalarTag } from 'yaml';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/** `nodes` are keys, values, lists and mappings. */
type JsonLimits = { readonly bytes: number; readonly nodes: number };

const MAX_DEPTH = 200;

/** Parses UTF-8 JSON within the limits. The parser's messages quote the input, so they are never passed on. */
export function parseBoundedJson(given: string | Uint8Array, { bytes, nodes }: JsonLimits): Parsed<unknown> {
  try {
    if (Buffer.byteLength(given) > bytes) return faulty([{ field: '', message: `has more than ${bytes} bytes` }]);
    const text = typeof given === 'string' ? given : new TextDecoder('utf-8', { fatal: true }).decode(given);
    const problem = jsonProblem(text, { depth: MAX_DEPTH, nodes });
    if (problem?.kind === 'too-many-nodes') return faulty([{ field: '', message: `has more than ${nodes} values` }]);
    if (problem?.kind === 'too-deep') return faulty([{ field: '', message: 'is nested too deep' }]);
    return parsed(JSON.parse(text));
  } catch {
    return faulty([{ field: '', message: 'is not JSON' }]);
  }
}

/** A problem that JSON.parse accepts but a manifest must not have. `offset` is in characters. */
type JsonProblem = {
  readonly kind: 'repeated-key' | 'too-deep' | 'too-many-nodes' | 'inexact-number';
  readonly offset: number;
};

type StructureLimits = { readonly depth: number; readonly nodes: number };

/**
 * Returns the first problem in a text that may be JSON; for other text, the result is meaningless. Linear, without
 * recursion. Continues after a repeated key or inexact number, because deep or large text must not reach a parser.
 */
export function jsonProblem(text: string, limits: StructureLimits): JsonProblem | undefined {
  const open: (Set<string> | undefined)[] = [];
  let found: JsonProblem | undefined;
  let nodes = 0;
  // The last alternative is a number or one of JSON's three words.
  const token = /["[\]{}]|[^\s"[\]{},:]+/g;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const offset = match.index;
    const sign = match[0];
    if (sign === ']' || sign === '}') {
      open.pop();
      continue;
    }
    nodes++;
    if (nodes > limits.nodes) return { kind: 'too-many-nodes', offset };
    if (sign === '"') {
      token.lastIndex = endOfString(text, offset);
      const keys = open.at(-1);
      const key = keys === undefined ? undefined : keyAt(text, offset, token.lastIndex);
      if (key === undefined || keys === undefined) continue;
      if (keys.has(key)) found ??= { kind: 'repeated-key', offset };
      keys.add(key);
    } else if (sign === '[' || sign === '{') {
      if (open.push(sign === '{' ? new Set() : undefined) > limits.depth) return { kind: 'too-deep', offset };
    } else if (!isExact(sign)) {
      found = { kind: 'inexact-number', offset };
    }
  }
  return found;
}

/** The inside of a string, in parts: matching a long string at once would overflow V8's stack. */
const INSIDE = /(?:\\[\s\S]|[^"\\]){0,2000}/y;

/** The offset after the closing quote, or the text's end if there is none. */
export function endOfString(text: string, start: number): number {
  const inside = new RegExp(INSIDE);
  let at = start + 1;
  for (let from = -1; at !== from; ) {
    from = at;
    inside.lastIndex = from;
    inside.test(text);
    at = inside.lastIndex;
  }
  return text.charAt(at) === '"' ? at + 1 : text.length;
}

/** The string between the offsets if it is a key, that is, if a colon follows. */
function keyAt(text: string, start: number, end: number): string | undefined {
  const colon = /\s*:/y;
  colon.lastIndex = end;
  if (!colon.test(text)) return undefined;
  const quoted = text.slice(start, end);
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    // This is not JSON, so neither is the whole text.
    return quoted;
  }
}

const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 63n - 1n;
const MAX_UNSIGNED = 2n ** 64n - 1n;

const INTEGER = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

/**
 * Reads a plain scalar that starts like a number, like Go: as text if it is not one or exceeds a double (`123e456`).
 * Whole numbers that only 64 bits hold are bigints.
 */
function readNumber(text: string): number | bigint | string {
  if (text.startsWith('.')) return readFloat(text, text);
  // Go accepts a sign after 0b, and only there.
  const digits = text.replaceAll('_', '').replace(/^0b([-+])/, '$10b');
  const integer = readInteger(digits);
  if (integer === undefined) return readFloat(digits, text);
  return Number.isSafeInteger(Number(integer)) ? Number(integer) : integer;
}

function readInteger(digits: string): bigint | undefined {
  const [, sign = '', hexadecimal, binary, octal, decimal] = INTEGER.exec(digits) ?? [];
  const written =
    (hexadecimal && `0x${hexadecimal}`) ?? (binary && `0b${binary}`) ?? (octal && `0o${octal}`) ?? decimal;
  // Reading takes quadratic time, so texts with more digits than 64 bits can have are not read.
  if (written === undefined || written.replace(/^0[xbo]?0*/, '').length > 64) return undefined;
  const value = sign === '-' ? -BigInt(written) : BigInt(written);
  return value >= MIN_INTEGER && value <= (sign === '' ? MAX_UNSIGNED : MAX_INTEGER) ? value : undefined;
}

function readFloat(digits: string, text: string): number | string {
  if (!FLOAT.test(digits)) return text;
  const value = Number(digits);
  return Number.isFinite(value) ? value : text;
}

/** True if a double holds the number: whole numbers exactly, others approximately. */
function isExact(number: string): boolean {
  if (number.length < 16 && !/[eE]/.test(number)) return true;
  return /^-?\d+$/.test(number) ? Number.isSafeInteger(Number(number)) : Number.isFinite(Number(number));
}

/** Tags for numbers. Without `exact`, bigints become the nearest double. */
export function numberTags(exact: boolean): ScalarTag[] {
  const resolve = (text: string) => {
    const value = readNumber(text);
    return typeof value === 'bigint' && !exact ? Number(value) : value;
  };
  return [
    { tag: 'tag:yaml.org,2002:int', default: true, test: /^(?:[0-9]|[-+][0-9_])[0-9a-fA-FoOxX_+-]*$/, resolve },
    { tag: 'tag:yaml.org,2002:float', default: true, test: /^(?:[0-9.]|[-+][0-9._])[0-9_.eE+-]*$/, resolve },
  ];
}

import type { ScalarTag } from 'yaml';

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
  return isSafe(integer) ? Number(integer) : integer;
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

function isSafe(value: bigint): boolean {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
}

/** True if a double holds the number: whole numbers exactly, others approximately. */
export function isExact(number: string): boolean {
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

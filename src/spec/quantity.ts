import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/** Exactly numerator / denominator, not reduced. The denominator is positive. */
export type Quantity = { readonly numerator: bigint; readonly denominator: bigint };

const DECIMAL_EXPONENTS: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const BINARY_EXPONENTS: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };

/** Enough for every real amount, and small enough to keep the arithmetic cheap. */
const MAX_LENGTH = 64;
const MAX_EXPONENT = 64;

const SYNTAX = /^([+-]?)(\d+\.?\d*|\.\d+)(?:([eE])([+-]?\d+)|([a-zA-Z]{0,2}))$/;

/** Parses `250m`, `1.5Gi`, `2e3`. The grammar is that of apimachinery's `resource.Quantity`. */
export function parseQuantity(text: string, field: string): Parsed<Quantity> {
  const refuse = (message: string): Parsed<Quantity> => faulty([{ field, message }]);
  const match = text.length > MAX_LENGTH ? null : SYNTAX.exec(text);
  if (match === null) return refuse('must be a quantity, such as 250m, 1.5 or 64Mi');
  const [, sign, number = '', , exponentText, suffix = ''] = match;
  const [whole = '', fraction = ''] = number.split('.');
  const mantissa = BigInt(whole + fraction) * (sign === '-' ? -1n : 1n);

  const binary = exponentText === undefined ? BINARY_EXPONENTS[suffix] : undefined;
  if (binary !== undefined)
    return parsed({ numerator: mantissa << BigInt(binary), denominator: 10n ** BigInt(fraction.length) });

  const decimal = exponentText === undefined ? DECIMAL_EXPONENTS[suffix] : Number(exponentText);
  if (decimal === undefined)
    return refuse('must end in nothing or in one of n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei');
  if (Math.abs(decimal) > MAX_EXPONENT)
    return refuse(`must have an exponent between -${MAX_EXPONENT} and ${MAX_EXPONENT}`);
  const exponent = decimal - fraction.length;
  return parsed({
    numerator: mantissa * 10n ** BigInt(Math.max(exponent, 0)),
    denominator: 10n ** BigInt(Math.max(-exponent, 0)),
  });
}

export const ZERO: Quantity = { numerator: 0n, denominator: 1n };
export const ONE: Quantity = { numerator: 1n, denominator: 1n };

export function compareQuantities(a: Quantity, b: Quantity): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator;
  return difference < 0n ? -1 : Number(difference > 0n);
}

/** Equal amounts have equal texts. */
export function ratioText({ numerator, denominator }: Quantity): string {
  const divisor = greatestCommonDivisor(numerator < 0n ? -numerator : numerator, denominator);
  return `${numerator / divisor}/${denominator / divisor}`;
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, a % b);
}

/** `unit` must be positive. */
export function isMultiple(amount: Quantity, unit: Quantity): boolean {
  if (unit.numerator <= 0n) return false;
  return (amount.numerator * unit.denominator) % (amount.denominator * unit.numerator) === 0n;
}

/** ceil(quantity / divisor), exactly. The divisor must be positive. */
export function ceilDivide(quantity: Quantity, divisor: Quantity): bigint {
  const numerator = quantity.numerator * divisor.denominator;
  const denominator = quantity.denominator * divisor.numerator;
  // BigInt division rounds towards zero, which is up for negative numbers.
  const quotient = numerator / denominator;
  return numerator > 0n && numerator % denominator !== 0n ? quotient + 1n : quotient;
}

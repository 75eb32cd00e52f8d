import { isFields } from './parsed.ts';

/**
 * Answers if a value of JSON has a shape, many times as fast as a schema. It cannot tell what is wrong: where it says
 * no, a schema decides and explains.
 */
export type Check = (value: unknown) => boolean;

export const isText: Check = (value) => typeof value === 'string';

/** A whole number, 0 or more. */
export const isWhole: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;

export function isTextThat(matches: (text: string) => boolean): Check {
  return (value) => typeof value === 'string' && matches(value);
}

export function isAbsentOr(check: Check): Check {
  return (value) => value === undefined || check(value);
}

export function isOneOf(values: readonly unknown[]): Check {
  return (value) => values.includes(value);
}

export function isListOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

/** Every key is allowed by default. */
export function isMapOf(check: Check, isKey: (key: string) => boolean = () => true): Check {
  return (value) => {
    if (!isFields(value)) return false;
    for (const key in value) if (!isKey(key) || !check(value[key])) return false;
    return true;
  };
}

/** An object with these fields and no other. */
export function isExactly(checks: Readonly<Record<string, Check>>): Check {
  const known = Object.entries(checks);
  return (value) => {
    if (!isFields(value)) return false;
    for (const name in value) if (!Object.hasOwn(checks, name)) return false;
    return known.every(([name, check]) => check(value[name]));
  };
}

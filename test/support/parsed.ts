import type { Parsed } from '../../src/base/parsed.ts';

/** The faults as `field: message`; none for a value. */
export function faultLines(result: Parsed<unknown>): string[] {
  return result.ok ? [] : result.faults.map(({ field, message }) => `${field}: ${message}`);
}

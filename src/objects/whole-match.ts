import { runInNewContext } from 'node:vm';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/** A pattern that backtracks without end is stopped after so long. */
const LONGEST_MS = 50;

/**
 * Those of the texts that a regular expression matches from end to end. The expression may be anybody's: one that is malformed
 * or takes too long is a fault.
 */
export function matchWhole(pattern: string, texts: readonly string[]): Parsed<ReadonlySet<string>> {
  if (/^[-\w]*$/.test(pattern)) return parsed(new Set(texts.filter((text) => text === pattern)));
  const given = { pattern: `^(?:${pattern})$`, texts: [...new Set(texts)] };
  try {
    const code = '{ const wanted = new RegExp(pattern); texts.filter((text) => wanted.test(text)); }';
    const matched: unknown = runInNewContext(code, given, { timeout: LONGEST_MS });
    return parsed(new Set(Array.isArray(matched) ? matched : []));
  } catch {
    return faulty([{ field: '', message: 'must be a regular expression that can be matched in reasonable time' }]);
  }
}

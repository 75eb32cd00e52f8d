import { faulty, type Parsed, parsed } from './parsed.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration as Go and kubectl write it: `30s`, `1m30s`, `500ms`. */
export function parseDuration(text: string, field: string): Parsed<number> {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    return faulty([{ field, message: 'write it like 30s, 1m30s or 500ms' }]);
  }
  return parsed(parts.reduce((total, [, amount, unit]) => total + Number(amount) * (UNIT_MS[unit ?? ''] ?? 0), 0));
}

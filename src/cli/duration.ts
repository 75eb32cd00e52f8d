import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../base/clock.ts';

/** Milliseconds of a duration such as `30s` or `1m30s`, for commander's option parsing. */
export function durationArgument(text: string): number {
  const duration = parseDuration(text, '');
  if (duration.ok) return duration.value;
  throw new InvalidArgumentError(duration.faults.map(({ message }) => message).join());
}

/**
 * kubectl's users also write a short flag's value behind a sign: `-o=json`, `-n=prod`. The library would take the sign
 * for a part of the value. What follows `--` is another program's.
 */
export function withoutSigns(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  const own = end < 0 ? args.length : end;
  return args.map((arg, index) => (index < own ? arg.replace(/^(-[A-Za-z])=(?=.)/s, '$1') : arg));
}

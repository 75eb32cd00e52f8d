import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../base/duration.ts';

/** Milliseconds of a duration such as `30s` or `1m30s`, for commander's option parsing. */
export function durationArgument(text: string): number {
  const duration = parseDuration(text, '');
  if (duration.ok) return duration.value;
  throw new InvalidArgumentError(duration.faults.map(({ message }) => message).join());
}

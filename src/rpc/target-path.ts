import { isAbsolute } from 'node:path';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/** A request's target_path: given, and absolute. Where it may lie is the publisher's to check. */
export function parseTarget(target: string): Parsed<string> {
  const refuse = (message: string): Parsed<string> => faulty([{ field: 'target_path', message }]);
  if (target === '') return refuse('is required');
  if (target.includes('\0')) return refuse('must not contain a NUL byte');
  return isAbsolute(target) ? parsed(target) : refuse('must be an absolute path');
}

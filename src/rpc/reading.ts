import { isAbsolute } from 'node:path';
import { type Fault, invalid, type LanternError } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/** Collects the faults of one request's fields, so that all of them are answered at once. */
export class Reading {
  readonly #faults: Fault[] = [];

  get isGood(): boolean {
    return this.#faults.length === 0;
  }

  /** In the order they were noted. */
  get faults(): readonly Fault[] {
    return this.#faults;
  }

  /** The value; undefined, with its faults noted, when there is none. */
  take<T>(result: Parsed<T>): T | undefined {
    if (result.ok) return result.value;
    this.note(result.faults);
    return undefined;
  }

  note(faults: readonly Fault[]): void {
    // One by one: a hostile request may have more faults than a call has room for arguments.
    for (const fault of faults) this.#faults.push(fault);
  }

  refuse(field: string, message: string): void {
    this.#faults.push({ field, message });
  }

  /** Everything noted, as one `invalid-argument`. */
  error(): LanternError {
    return invalid(this.#faults);
  }
}

/** A request's target_path: given, and absolute. Where it may lie is the publisher's to check. */
export function parseTarget(target: string): Parsed<string> {
  const refuse = (message: string): Parsed<string> => faulty([{ field: 'target_path', message }]);
  if (target === '') return refuse('is required');
  if (target.includes('\0')) return refuse('must not contain a NUL byte');
  return isAbsolute(target) ? parsed(target) : refuse('must be an absolute path');
}

import { isAbsolute } from 'node:path';
import { type Fault, invalid, type LanternError } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/** Collects the faults of a request, so that the answer has all of them. */
export class Reading {
  readonly #faults: Fault[] = [];

  get isGood(): boolean {
    return this.#faults.length === 0;
  }

  get faults(): readonly Fault[] {
    return this.#faults;
  }

  /** Returns undefined after noting the faults. */
  take<T>(result: Parsed<T>): T | undefined {
    if (result.ok) return result.value;
    this.note(result.faults);
    return undefined;
  }

  note(faults: readonly Fault[]): void {
    // Not push(...faults): a hostile request may have more faults than a call may have arguments.
    for (const fault of faults) this.#faults.push(fault);
  }

  refuse(field: string, message: string): void {
    this.#faults.push({ field, message });
  }

  error(): LanternError {
    return invalid(this.#faults);
  }
}

/** The publisher checks where it may be. */
export function parseTarget(target: string): Parsed<string> {
  const refuse = (message: string): Parsed<string> => faulty([{ field: 'target_path', message }]);
  if (target === '') return refuse('is required');
  if (target.includes('\0')) return refuse('must not contain a NUL byte');
  return isAbsolute(target) ? parsed(target) : refuse('must be an absolute path');
}

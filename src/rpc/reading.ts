import { hash, randomBytes } from 'node:crypto';
import { isAbsolute } from 'node:path';
import { type Fault, invalid, type LanternError } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { parseNamespace } from '../objects/names.ts';

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

/** Of a list or a watch. Empty text means all namespaces: undefined. */
export function readNamespace(reading: Reading, namespace: string): string | undefined {
  return namespace === '' ? undefined : reading.take(parseNamespace(namespace, 'namespace'));
}

/** The publisher checks where it may be. */
export function parseTarget(target: string): Parsed<string> {
  const refuse = (message: string): Parsed<string> => faulty([{ field: 'target_path', message }]);
  if (target === '') return refuse('is required');
  if (target.includes('\0')) return refuse('must not contain a NUL byte');
  return isAbsolute(target) ? parsed(target) : refuse('must be an absolute path');
}

/** Of this process, so that a digest tells nothing about a request's secrets. */
const KEY = randomBytes(32).toString('hex');

/** Characters and bytes of values. The digest of more would hold the event loop. */
const MAX_KEYED_SIZE = 1024 * 1024;

/**
 * Identifies a decoded request to a method: equal keys mean equal fields, in whatever order the entries of maps came.
 * Undefined for a request above MAX_KEYED_SIZE. Nothing of the request can be found from the key.
 */
export function requestKey(method: string, request: object): string | undefined {
  const room = { left: MAX_KEYED_SIZE };
  const text = canonical(request, room);
  return room.left < 0 ? undefined : digest(`${method} ${text}`);
}

/** Strings are quoted and the digests of bytes are not, so that no value looks like another. */
function canonical(value: unknown, room: { left: number }): string {
  if (typeof value === 'string' || value instanceof Uint8Array) {
    room.left -= value.length;
    if (room.left < 0) return '';
    return typeof value === 'string' ? JSON.stringify(value) : digest(value);
  }
  if (typeof value !== 'object' || value === null) return String(value);
  const isArray = Array.isArray(value);
  // The indices of an array are in their order already.
  const names = isArray ? Object.keys(value) : Object.keys(value).sort();
  let text = '';
  for (const name of names) text += `${canonical(name, room)}:${canonical(Reflect.get(value, name), room)},`;
  return isArray ? `[${text}]` : `{${text}}`;
}

/** Stays in this process, so the key before the text is enough; an HMAC's object would take several times as long. */
function digest(bytes: string | Uint8Array): string {
  return hash('sha256', typeof bytes === 'string' ? KEY + bytes : Buffer.concat([Buffer.from(KEY), bytes]), 'base64');
}

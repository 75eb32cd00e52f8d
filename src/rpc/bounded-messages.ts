import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { LanternError } from '../base/errors.ts';
import { MAX_REQUEST_FIELDS } from './limits.ts';
import type { MessageShape, ShapedMethod } from './protos.ts';

/** Replaces a request that cannot be decoded: grpc-js answers an exception in a decoder with INTERNAL. */
export class UnreadableRequest {
  readonly #problem: string;

  constructor(problem: string) {
    this.#problem = problem;
  }

  error(): LanternError {
    return new LanternError('invalid-argument', `the request ${this.#problem}`);
  }
}

/** Limits the fields of requests. A request over the limit is not decoded. */
export function boundedDefinition(definition: ServiceDefinition): ServiceDefinition {
  const methods = Object.entries(definition).map(([name, method]) => {
    return [name, { ...method, requestDeserialize: readerOf(method) }] as const;
  });
  return Object.fromEntries(methods);
}

function readerOf(method: MethodDefinition<object, object>): (bytes: Buffer) => object {
  const { requestDeserialize, requestShape } = method as ShapedMethod;
  return (bytes) => {
    if (
      bytes.length > MAX_REQUEST_FIELDS * MIN_FIELD_BYTES &&
      hasMoreFields(bytes, requestShape(), MAX_REQUEST_FIELDS)
    ) {
      return new UnreadableRequest(`must have no more than ${MAX_REQUEST_FIELDS} fields in all; split it`);
    }
    try {
      return requestDeserialize(bytes);
    } catch {
      // The decoder's message may quote the bytes.
      return new UnreadableRequest('is malformed: it is not a message of this method');
    }
  };
}

/** A tag, and a length or a value. */
const MIN_FIELD_BYTES = 2;

/** Includes fields of nested messages. Decodes nothing, and stops at malformed bytes, which the decoder refuses. */
export function hasMoreFields(bytes: Uint8Array, shape: MessageShape, max: number): boolean {
  return new Walk(bytes, max).isOver(shape, bytes.length);
}

class Walk {
  readonly #bytes: Uint8Array;
  readonly #max: number;
  #at = 0;
  #fields = 0;

  constructor(bytes: Uint8Array, max: number) {
    this.#bytes = bytes;
    this.#max = max;
  }

  isOver(shape: MessageShape, end: number): boolean {
    while (this.#at < end) {
      if (++this.#fields > this.#max) return true;
      const tag = this.#varint();
      const wireType = tag % 8;
      if (wireType === 0) this.#varint();
      else if (wireType === 1) this.#at += 8;
      else if (wireType === 5) this.#at += 4;
      else if (wireType !== 2) return this.#stop();
      else if (this.#isOverIn(shape.fields.get(Math.floor(tag / 8)), end)) return true;
    }
    return false;
  }

  #isOverIn(inner: MessageShape | 'numbers' | undefined, end: number): boolean {
    const length = this.#varint();
    const innerEnd = this.#at + length;
    if (innerEnd > end) return this.#stop();
    if (inner === 'numbers') this.#fields += length;
    else if (inner !== undefined && this.isOver(inner, innerEnd)) return true;
    this.#at = Math.max(this.#at, innerEnd);
    return this.#fields > this.#max;
  }

  #stop(): false {
    this.#at = Number.POSITIVE_INFINITY;
    return false;
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 63; factor *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) return 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    return value;
  }
}

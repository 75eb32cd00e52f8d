import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { LanternError } from '../base/errors.ts';
import { MAX_REQUEST_FIELDS } from './limits.ts';
import { packageDefinition } from './protos.ts';

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

function readerOf({ requestDeserialize, ...method }: MethodDefinition<object, object>): (bytes: Buffer) => object {
  const type = 'requestType' in method ? (method.requestType as { type: object }).type : {};
  const shape = shapeOf(type, packageDefinition);
  return (bytes) => {
    if (bytes.length > MAX_REQUEST_FIELDS * MIN_FIELD_BYTES && hasMoreFields(bytes, shape, MAX_REQUEST_FIELDS)) {
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

/** The fields, by number, that contain messages or packed numbers. All others are skipped. */
type MessageShape = { readonly fields: ReadonlyMap<number, MessageShape | 'numbers'> };

/** The parts used of descriptor.proto's messages, in proto-loader's spelling. */
type Descriptor = {
  readonly name: string;
  readonly field?: readonly { number: number; label: string; type: string; typeName: string }[];
  readonly nestedType?: readonly Descriptor[];
};

const NEVER_PACKED = new Set(['TYPE_STRING', 'TYPE_BYTES']);

/** The types of fields are looked up in `definitions` by the last part of their names. */
export function shapeOf(message: object, definitions: PackageDefinition): MessageShape {
  const known = new Map<string, Descriptor>();
  for (const definition of Object.values(definitions)) {
    if (!('type' in definition)) continue;
    const descriptor = definition.type as Descriptor;
    known.set(descriptor.name, descriptor);
  }
  const shapes = new Map<Descriptor, MessageShape>();
  const make = (descriptor: Descriptor, scope: ReadonlyMap<string, Descriptor>): MessageShape => {
    const made = shapes.get(descriptor);
    if (made !== undefined) return made;
    const fields = new Map<number, MessageShape | 'numbers'>();
    const shape = { fields };
    shapes.set(descriptor, shape);
    const inner = new Map([...scope, ...(descriptor.nestedType ?? []).map((nested) => [nested.name, nested] as const)]);
    for (const { number, label, type, typeName } of descriptor.field ?? []) {
      const nested = type === 'TYPE_MESSAGE' ? inner.get(typeName.slice(typeName.lastIndexOf('.') + 1)) : undefined;
      if (nested !== undefined) fields.set(number, make(nested, inner));
      else if (label === 'LABEL_REPEATED' && !NEVER_PACKED.has(type)) fields.set(number, 'numbers');
    }
    return shape;
  };
  return make(message as Descriptor, known);
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

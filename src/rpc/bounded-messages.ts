import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { LanternError } from '../base/errors.ts';
import { MAX_REQUEST_FIELDS } from './limits.ts';
import { packageDefinition } from './protos.ts';

/** What a handler gets in place of a request that could not be read; to gRPC it would be an internal error. */
class UnreadableMessage {
  readonly problem: string;

  constructor(problem: string) {
    this.problem = problem;
  }
}

/** The definition of a service whose requests are counted before they are decoded; see `readRequest`. */
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
    if (hasMoreFields(bytes, shape, MAX_REQUEST_FIELDS)) {
      return new UnreadableMessage(`must have no more than ${MAX_REQUEST_FIELDS} fields in all; split it`);
    }
    try {
      return requestDeserialize(bytes);
    } catch {
      // The decoder's words may repeat the bytes.
      return new UnreadableMessage('is malformed: it is no message of this method');
    }
  };
}

/** Whether `readRequest` throws. */
export function isUnreadable(request: unknown): boolean {
  return request instanceof UnreadableMessage;
}

/** The request; throws `invalid-argument` when it could not be read. */
export function readRequest<Request>(request: Request): Request {
  if (!(request instanceof UnreadableMessage)) return request;
  throw new LanternError('invalid-argument', `the request ${request.problem}`);
}

/** What a message's fields hold that have fields themselves, or many numbers; all others are skipped. By field number. */
type MessageShape = { readonly fields: ReadonlyMap<number, MessageShape | 'numbers'> };

/** What is looked at of descriptor.proto's messages, as proto-loader has them. */
type Descriptor = {
  readonly name: string;
  readonly field?: readonly { number: number; label: string; type: string; typeName: string }[];
  readonly nestedType?: readonly Descriptor[];
};

const HAVE_NO_FIELDS = new Set(['TYPE_STRING', 'TYPE_BYTES']);

/** The shape of a message of `definitions`, found by the last part of its name; these are few, and differ in it. */
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
      else if (label === 'LABEL_REPEATED' && !HAVE_NO_FIELDS.has(type)) fields.set(number, 'numbers');
    }
    return shape;
  };
  return make(message as Descriptor, known);
}

/** No field takes less: a tag, and a length or a value. */
const LEAST_BYTES = 2;

/**
 * Whether a message on the wire has more than `most` fields, those of the messages in it included. Walks over them without making anything;
 * what is malformed ends the walk, and is for the decoder to find.
 */
export function hasMoreFields(bytes: Uint8Array, shape: MessageShape, most: number): boolean {
  if (bytes.length <= most * LEAST_BYTES) return false;
  return new Walk(bytes, most).isOver(shape, bytes.length);
}

class Walk {
  readonly #bytes: Uint8Array;
  readonly #most: number;
  #at = 0;
  #fields = 0;

  constructor(bytes: Uint8Array, most: number) {
    this.#bytes = bytes;
    this.#most = most;
  }

  isOver(shape: MessageShape, end: number): boolean {
    while (this.#at < end) {
      if (++this.#fields > this.#most) return true;
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

  /** Of a field with a length. */
  #isOverIn(inner: MessageShape | 'numbers' | undefined, end: number): boolean {
    const length = this.#varint();
    const innerEnd = this.#at + length;
    if (innerEnd > end) return this.#stop();
    if (inner === 'numbers') this.#fields += length;
    else if (inner !== undefined && this.isOver(inner, innerEnd)) return true;
    this.#at = Math.max(this.#at, innerEnd);
    return this.#fields > this.#most;
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

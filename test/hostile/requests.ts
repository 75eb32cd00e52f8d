import { join } from 'node:path';
import {
  loadSync,
  type MessageTypeDefinition,
  type PackageDefinition,
  type ServiceDefinition,
} from '@grpc/proto-loader';
import { TOP } from '../support/suite/compiled.ts';
import type { Random } from './random.ts';
import { bytes, contextKey, integer, textFor } from './values.ts';

/** The part of descriptor.proto that is read here. */
type Field = { readonly name: string; readonly label: string; readonly type: string; readonly typeName: string };
type Message = {
  readonly name: string;
  readonly field?: readonly Field[];
  readonly nestedType?: readonly Message[];
  readonly enumType?: readonly { readonly name: string; readonly value: readonly { readonly number: number }[] }[];
  readonly options?: { readonly mapEntry?: boolean } | null;
};

/** A method of a service, and what its request is made of. */
export type Method = {
  readonly path: string;
  readonly isStream: boolean;
  /** A request as it goes over the wire, out of the message's own shape. */
  readonly request: (random: Random, targets: string) => Buffer;
};

const DEEPEST = 7;
const LARGEST_BYTES = 3_000_000;
const definitions = loadSync(
  [
    'csi/v1/csi.proto',
    ...['projector', 'objects', 'events', 'tokens', 'page'].map((name) => `lantern/v1/${name}.proto`),
  ],
  { keepCase: true, longs: Number, includeDirs: [join(TOP, 'proto')] },
);

/** Every method of every service in our protos. */
export const METHODS: readonly Method[] = Object.entries(definitions).flatMap(([name, definition]) =>
  isService(definition) ? Object.values(definition).map((method) => methodOf(method, packageOf(name))) : [],
);

function methodOf(method: ServiceDefinition[string], from: string): Method {
  const { type } = method.requestType as MessageTypeDefinition<object, object>;
  return {
    path: method.path,
    isStream: method.responseStream,
    request: (random, targets) => {
      const message = messageOf([type as Message], from, { random, targets }, 0);
      const encoded = method.requestSerialize(message);
      return random.chance(0.25) ? damaged(encoded, random) : encoded;
    },
  };
}

type World = { readonly random: Random; readonly targets: string };

/** A value for each of some of the fields. `chain`: the message, and those that it is nested in, innermost first. */
function messageOf(chain: readonly Message[], from: string, world: World, depth: number): object {
  const [message] = chain;
  const { random } = world;
  if (depth > DEEPEST) return {};
  const chosen = (message?.field ?? []).filter(() => random.chance(depth === 0 ? 0.85 : 0.6));
  // Without a prototype: a field may be called anything.
  return Object.assign(
    Object.create(null),
    ...chosen.map((field) => ({ [field.name]: fieldOf(field, chain, from, world, depth) })),
  );
}

function fieldOf(field: Field, chain: readonly Message[], from: string, world: World, depth: number): unknown {
  const { random } = world;
  const nested = nestedIn(chain, field.typeName);
  const entry = nested?.[0];
  if (entry?.options?.mapEntry === true) return mapOf(field, entry, nested ?? [], from, world, depth);
  const one = () => valueFor(field, chain, from, world, depth);
  if (field.label !== 'LABEL_REPEATED') return one();
  const count = depth < 2 && random.chance(0.02) ? random.pick([300, 2_000]) : random.below(4);
  return Array.from({ length: count }, one);
}

function mapOf(
  { name }: Field,
  entry: Message,
  chain: readonly Message[],
  from: string,
  world: World,
  depth: number,
): unknown {
  const { random } = world;
  const value = entry.field?.find((field) => field.name === 'value');
  const map = Object.create(null);
  for (let count = random.below(4); count > 0 && value !== undefined; count--) {
    const key = /context|parameters|secrets/.test(name) ? contextKey(random) : textFor('key', random, world.targets);
    // By the key's name: what stands in a context's `spec` is one.
    map[key] =
      value.type === 'TYPE_STRING' ? textFor(key, random, world.targets) : valueFor(value, chain, from, world, depth);
  }
  return map;
}

function valueFor(field: Field, chain: readonly Message[], from: string, world: World, depth: number): unknown {
  const { random, targets } = world;
  switch (field.type) {
    case 'TYPE_STRING':
      return textFor(field.name, random, targets);
    case 'TYPE_BYTES':
      return bytes(random);
    case 'TYPE_BOOL':
      return random.chance(0.5);
    case 'TYPE_DOUBLE':
    case 'TYPE_FLOAT':
      return random.pick([0, 1, -1, Number.NaN, Number.POSITIVE_INFINITY]);
    case 'TYPE_ENUM':
      return random.below(random.chance(0.9) ? 8 : 1_000);
    case 'TYPE_MESSAGE':
      return messageOf(nestedIn(chain, field.typeName) ?? [topLevel(field.typeName, from)], from, world, depth + 1);
    default:
      return integer(random, field.type.startsWith('TYPE_UINT') || field.type.startsWith('TYPE_FIXED'));
  }
}

/** Names are relative to the message they stand in, or to one that it is nested in. */
function nestedIn(chain: readonly Message[], name: string): readonly Message[] | undefined {
  for (const [index, message] of chain.entries()) {
    const found = message.nestedType?.find((type) => type.name === name);
    if (found !== undefined) return [found, ...chain.slice(index)];
  }
  return undefined;
}

function topLevel(name: string, from: string): Message {
  const path = name.replace(/^\./, '');
  const found = [path, `${from}.${path}`, `google.protobuf.${path}`, `google.${path}`].find(
    (full) => full in definitions,
  );
  if (found === undefined) throw new Error(`no message "${name}" in ${from}`);
  return (definitions[found] as MessageTypeDefinition<object, object>).type as Message;
}

/** As a faulty or hostile client may send it: bits, pieces, lengths and unknown fields. */
function damaged(encoded: Buffer, random: Random): Buffer {
  let result = Buffer.from(encoded);
  for (let count = 1 + random.below(4); count > 0; count--) {
    const at = random.below(result.length + 1);
    const [head, tail] = [result.subarray(0, at), result.subarray(at)];
    const noise = Buffer.from(Array.from({ length: random.below(12) }, () => random.below(256)));
    const open = Buffer.alloc(random.below(200), random.pick([0x0b, 0x0a, 0x12]));
    const flipped = Buffer.from(tail);
    if (flipped[0] !== undefined) flipped[0] ^= 1 << random.below(8);
    result = random.pick([
      () => Buffer.concat([head, flipped]),
      () => Buffer.concat([head, noise, tail]),
      () => Buffer.from(head),
      () => Buffer.concat([result, result.subarray(0, 5_000)]),
      () => Buffer.concat([result, Buffer.from([0xfa, 0x3f, 5, 1, 2, 3, 4, 5])]),
      () => Buffer.concat([open, result]),
    ])();
  }
  return result.subarray(0, LARGEST_BYTES);
}

function isService(definition: PackageDefinition[string]): definition is ServiceDefinition {
  return !('format' in definition);
}

function packageOf(name: string): string {
  return name.slice(0, name.lastIndexOf('.'));
}

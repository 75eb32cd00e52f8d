import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type { IConversionOptions, Reader, Writer } from 'protobufjs/minimal.js';
import type { ControllerDefinition } from './generated/csi/v1/Controller.ts';
import type { IdentityDefinition } from './generated/csi/v1/Identity.ts';
import type { NodeDefinition } from './generated/csi/v1/Node.ts';
import type { HealthDefinition } from './generated/grpc/health/v1/Health.ts';
import type { EventsDefinition } from './generated/lantern/v1/Events.ts';
import type { ObjectsDefinition } from './generated/lantern/v1/Objects.ts';
import type { PageDefinition } from './generated/lantern/v1/Page.ts';
import type { ProjectorDefinition } from './generated/lantern/v1/Projector.ts';
import type { TokensDefinition } from './generated/lantern/v1/Tokens.ts';
import { MESSAGES, SERVICES } from './generated/messages.ts';

/** How messages become objects. `scripts/wire/generate-types.mjs` has the same. */
export const CONVERSION: IConversionOptions = {
  longs: Number,
  enums: String,
  defaults: true,
  arrays: true,
  oneofs: true,
};

/** The fields, by number, that contain messages or packed numbers. All others are skipped. */
export type MessageShape = { readonly fields: ReadonlyMap<number, MessageShape | 'numbers'> };

/** The generated code of a message. */
export type Codec = MessageShape & {
  encode(message: object): Writer;
  decode(bytes: Reader | Uint8Array): object;
  fromObject(object: object): object;
  toObject(message: object, options: IConversionOptions): object;
};

/** A method of a service, as it is generated. */
export type Row = {
  readonly name: string;
  readonly request: () => Codec;
  readonly response: () => Codec;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
};

type MessageType = {
  serialize(object: object): Buffer;
  deserialize(bytes: Uint8Array): object;
};

/** By its full name, as in `google.rpc.BadRequest`. */
export function messageType(name: string): MessageType {
  const codec = MESSAGES[name];
  if (codec === undefined) throw new Error(`no message type ${name}`);
  return typeOf(codec);
}

function typeOf(codecOf: () => Codec): MessageType {
  return {
    serialize(object) {
      const codec = codecOf();
      return codec.encode(codec.fromObject(object)).finish() as Buffer;
    },
    deserialize(bytes) {
      const codec = codecOf();
      return codec.toObject(codec.decode(bytes), CONVERSION);
    },
  };
}

/** A message that goes to many watchers is encoded once, and kept as long as one of them waits for it. */
function onceEach(serialize: MessageType['serialize']): MessageType['serialize'] {
  const known = new WeakMap<object, Buffer>();
  return (object) => {
    let bytes = known.get(object);
    if (bytes === undefined) {
      bytes = serialize(object);
      known.set(object, bytes);
    }
    return bytes;
  };
}

/** A method, and what is in its requests. */
export type ShapedMethod = MethodDefinition<object, object> & { readonly requestShape: () => MessageShape };

function definitionOf(service: string): Readonly<Record<string, ShapedMethod>> {
  const methods = (SERVICES[service] ?? []).map(({ name, request, response, requestStream, responseStream }) => {
    const [asked, answered] = [typeOf(request), typeOf(response)];
    const method: ShapedMethod = {
      path: `/${service}/${name}`,
      requestStream,
      responseStream,
      requestSerialize: asked.serialize,
      requestDeserialize: asked.deserialize,
      responseSerialize: responseStream ? onceEach(answered.serialize) : answered.serialize,
      responseDeserialize: answered.deserialize,
      requestShape: request,
    };
    return [name, method] as const;
  });
  return Object.fromEntries(methods);
}

/** The only cast: the types are generated from the same files. */
function service<Definition>(name: string): { readonly service: Definition } {
  return { service: definitionOf(name) as Definition };
}

export const csi = {
  Identity: service<IdentityDefinition>('csi.v1.Identity'),
  Controller: service<ControllerDefinition>('csi.v1.Controller'),
  Node: service<NodeDefinition>('csi.v1.Node'),
};

export const lantern = {
  Projector: service<ProjectorDefinition>('lantern.v1.Projector'),
  Objects: service<ObjectsDefinition>('lantern.v1.Objects'),
  Events: service<EventsDefinition>('lantern.v1.Events'),
  Tokens: service<TokensDefinition>('lantern.v1.Tokens'),
  Page: service<PageDefinition>('lantern.v1.Page'),
};

export const health = service<HealthDefinition>('grpc.health.v1.Health');

export const reflectionServices: readonly ServiceDefinition[] = ['v1', 'v1alpha'].map((version) =>
  definitionOf(`grpc.reflection.${version}.ServerReflection`),
);

import type {
  handleServerStreamingCall,
  handleUnaryCall,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { ControllerHandlers } from './generated/csi/v1/Controller.ts';
import type { IdentityHandlers } from './generated/csi/v1/Identity.ts';
import type { NodeHandlers } from './generated/csi/v1/Node.ts';
import type { EventsHandlers } from './generated/lantern/v1/Events.ts';
import type { ObjectsHandlers } from './generated/lantern/v1/Objects.ts';
import type { PageHandlers } from './generated/lantern/v1/Page.ts';
import type { ProjectorHandlers } from './generated/lantern/v1/Projector.ts';
import type { TokensHandlers } from './generated/lantern/v1/Tokens.ts';
import type { CallDesk, Streaming, Unary } from './handler.ts';

/** The generated handler types without gRPC: a request and a signal in, an answer or a thrown error out. */
type Methods<Handlers> = {
  readonly [Name in keyof Handlers as MethodName<Name>]: Handlers[Name] extends handleServerStreamingCall<
    infer Request,
    infer Message
  >
    ? Streaming<Request, Message>
    : Handlers[Name] extends handleUnaryCall<infer Request, infer Response>
      ? Unary<Request, Response>
      : never;
};

/** Leaves out the handlers' index signature. */
type MethodName<Name> = Name extends string ? (string extends Name ? never : Uncapitalize<Name>) : never;

export type IdentityMethods = Methods<IdentityHandlers>;
export type ControllerMethods = Methods<ControllerHandlers>;
export type NodeMethods = Methods<NodeHandlers>;
export type ProjectorMethods = Methods<ProjectorHandlers>;
export type ObjectsMethods = Methods<ObjectsHandlers>;
export type EventsMethods = Methods<EventsHandlers>;
export type TokensMethods = Methods<TokensHandlers>;
export type PageMethods = Methods<PageHandlers>;

export type Service = { readonly definition: ServiceDefinition; readonly methods: object };

export function implementationOf({ definition, methods }: Service, desk: CallDesk): UntypedServiceImplementation {
  const entries = Object.entries(definition).map(([name, { path, responseStream }]) => {
    const method: unknown = Reflect.get(methods, name.charAt(0).toLowerCase() + name.slice(1));
    if (typeof method !== 'function') throw new Error(`no method for ${path}`);
    const handle = method.bind(methods);
    return [name, responseStream ? desk.streaming(path, handle) : desk.unary(path, handle)];
  });
  return Object.fromEntries(entries);
}

/** The store's name in the health service, where it is SERVING while writes succeed. */
export const STORE_SERVICE = 'lantern.store';

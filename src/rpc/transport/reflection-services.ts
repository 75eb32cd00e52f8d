import type { handleBidiStreamingCall, Server, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { reflectionServices } from '../protos.ts';
import { statusOf } from '../status.ts';

type Handler = handleBidiStreamingCall<object, object>;

const METHOD = 'ServerReflectionInfo';

/** gRPC's reflection. Few daemons are ever asked, so the library is loaded by the first call. */
export function addReflection(server: Server): void {
  const handlers = once(loadHandlers);
  for (const [index, definition] of reflectionServices.entries()) {
    const handle: Handler = (call) => {
      handlers().then(
        (loaded) => loaded[index]?.(call),
        (error: unknown) => void call.emit('error', statusOf(error, METHOD)),
      );
    };
    server.addService(definition, { [METHOD]: handle });
  }
}

/** The library's handlers, in the order of `reflectionServices`. */
async function loadHandlers(): Promise<Handler[]> {
  const [{ ReflectionService }, { REFLECTED }] = await Promise.all([
    import('@grpc/reflection'),
    import('../generated/reflected.ts'),
  ]);
  const fileDescriptorProtos = REFLECTED.map((text) => Buffer.from(text, 'base64'));
  const handlers: Handler[] = [];
  // All that the library does with a server is to add its services, first v1, then v1alpha.
  const addService = (_definition: ServiceDefinition, methods: UntypedServiceImplementation) =>
    void handlers.push(methods[METHOD] as Handler);
  // The library reads only the files of a definition, of any format.
  const all = { format: 'Protocol Buffer 3 EnumDescriptorProto', type: {}, fileDescriptorProtos } as const;
  new ReflectionService({ all }).addToServer({ addService });
  return handlers;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

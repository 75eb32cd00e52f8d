import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { LanternError } from '../base/errors.ts';
import { MAX_REQUEST_FIELDS } from './limits.ts';
import { hasMoreFields, shapeOf } from './message-fields.ts';
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

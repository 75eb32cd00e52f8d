import type { MessageTypeDefinition } from '@grpc/proto-loader';
import type { LanternError } from '../base/errors.ts';
import { packageDefinition } from './protos.ts';

/** The trailer in which gRPC carries a google.rpc.Status. */
export const DETAILS_KEY = 'grpc-status-details-bin';

const DOMAIN = 'lantern';

/** The error's faults as google.rpc.BadRequest and its reason as ErrorInfo, in one serialised Status; undefined for neither. */
export function encodeDetails(error: LanternError, status: number): Buffer | undefined {
  const details: { typeUrl: string; value: Buffer }[] = [];
  if (error.faults.length > 0) {
    const fieldViolations = error.faults.map(({ field, message }) => ({ field, description: message }));
    details.push(packed('google.rpc.BadRequest', { fieldViolations }));
  }
  if (error.reason !== undefined)
    details.push(packed('google.rpc.ErrorInfo', { reason: error.reason, domain: DOMAIN }));
  if (details.length === 0) return undefined;
  return messageType('google.rpc.Status').serialize({ code: status, message: error.message, details });
}

function packed(name: string, message: object): { typeUrl: string; value: Buffer } {
  return { typeUrl: `type.googleapis.com/${name}`, value: messageType(name).serialize(message) };
}

function messageType(name: string): MessageTypeDefinition<object, object> {
  const definition = packageDefinition[name];
  if (definition === undefined || !('serialize' in definition)) throw new Error(`no message type ${name}`);
  return definition as MessageTypeDefinition<object, object>;
}

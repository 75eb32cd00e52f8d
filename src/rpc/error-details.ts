import type { MessageTypeDefinition } from '@grpc/proto-loader';
import type { Fault, LanternError } from '../base/errors.ts';
import { packageDefinition } from './protos.ts';

/** The trailer in which gRPC carries a google.rpc.Status. */
export const DETAILS_KEY = 'grpc-status-details-bin';

const DOMAIN = 'lantern';

/** google.protobuf.Any, which protobufjs brings along and names as it stands in the file. */
type Any = { type_url: string; value: Buffer };

/**
 * The error's faults as google.rpc.BadRequest and its reason as ErrorInfo, in one serialised Status of about `maxBytes` at
 * most; undefined for neither. Of too many faults the first are there, and how many are not.
 */
export function encodeDetails(
  error: LanternError,
  status: { readonly code: number; readonly message: string },
  maxBytes: number,
): Buffer | undefined {
  const details: Any[] = [];
  if (error.faults.length > 0) {
    const room = maxBytes - Buffer.byteLength(status.message) - ENVELOPE_BYTES;
    details.push(packed('google.rpc.BadRequest', { fieldViolations: violationsOf(error.faults, room) }));
  }
  if (error.reason !== undefined)
    details.push(packed('google.rpc.ErrorInfo', { reason: error.reason, domain: DOMAIN }));
  if (details.length === 0) return undefined;
  return messageType('google.rpc.Status').serialize({ ...status, details });
}

/** Type names, tags and lengths around the violations, and the one that counts the rest. */
const ENVELOPE_BYTES = 256;
/** Tags and lengths of one violation. */
const VIOLATION_BYTES = 8;

function violationsOf(faults: readonly Fault[], maxBytes: number): { field: string; description: string }[] {
  const violations: { field: string; description: string }[] = [];
  let room = maxBytes;
  for (const fault of faults) {
    room -= Buffer.byteLength(fault.field) + Buffer.byteLength(fault.message) + VIOLATION_BYTES;
    if (room < 0) {
      const left = faults.length - violations.length;
      return [...violations, { field: '', description: `and ${left} more` }];
    }
    violations.push({ field: wellFormed(fault.field), description: wellFormed(fault.message) });
  }
  return violations;
}

/** A name out of JSON may hold half of a surrogate pair, which neither gRPC's encoder nor a protobuf reader takes. */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

function packed(name: string, message: object): Any {
  return { type_url: `type.googleapis.com/${name}`, value: messageType(name).serialize(message) };
}

function messageType(name: string): MessageTypeDefinition<object, object> {
  const definition = packageDefinition[name];
  if (definition === undefined || !('serialize' in definition)) throw new Error(`no message type ${name}`);
  return definition as MessageTypeDefinition<object, object>;
}

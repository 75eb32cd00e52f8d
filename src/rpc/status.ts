import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { type ErrorCode, type Fault, LanternError, toLanternError } from '../base/errors.ts';
import { packageDefinition } from './protos.ts';

/** Error code → gRPC status, here and nowhere else. */
const STATUS_OF_CODE: Readonly<Record<ErrorCode, status>> = {
  'invalid-argument': status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  'already-exists': status.ALREADY_EXISTS,
  'failed-precondition': status.FAILED_PRECONDITION,
  'resource-exhausted': status.RESOURCE_EXHAUSTED,
  'permission-denied': status.PERMISSION_DENIED,
  aborted: status.ABORTED,
  cancelled: status.CANCELLED,
  'deadline-exceeded': status.DEADLINE_EXCEEDED,
  unavailable: status.UNAVAILABLE,
  'out-of-range': status.OUT_OF_RANGE,
  unimplemented: status.UNIMPLEMENTED,
  'data-loss': status.DATA_LOSS,
  internal: status.INTERNAL,
};

const CODE_OF_STATUS = new Map(Object.entries(STATUS_OF_CODE).map(([code, number]) => [number, code as ErrorCode]));

/**
 * gRPC's core takes 8 KiB of headers by default, and message and details share them: of thousands of faults the first
 * are told rather than none. As sent: percent-encoded, and for details before base64.
 */
const MAX_MESSAGE_BYTES = 2_560;
const MAX_DETAILS_BYTES = 3_584;

/**
 * Any thrown thing as the status of an answer. Only a LanternError's own message is shown; a cause never is. Details go
 * with lantern.v1 alone: CSI wants `status.details` empty.
 */
export function statusOf(error: unknown, method: string): Partial<StatusObject> {
  const failure = toLanternError(error, method);
  const code = STATUS_OF_CODE[failure.code];
  const message = shortened(failure.message);
  const metadata = new Metadata();
  const details = method.startsWith('/lantern.v1.')
    ? encodeDetails(failure, { code, message }, MAX_DETAILS_BYTES)
    : undefined;
  if (details !== undefined) metadata.set(DETAILS_KEY, details);
  return { code, details: message, metadata };
}

/** A status that a client received, as the error it stands for. */
export function fromServiceError(error: ServiceError): LanternError {
  const code = CODE_OF_STATUS.get(error.code) ?? 'internal';
  return new LanternError(code, error.details === '' ? error.message : error.details, { cause: error });
}

function shortened(message: string): string {
  let text = '';
  let room = MAX_MESSAGE_BYTES;
  for (const character of wellFormed(message.slice(0, MAX_MESSAGE_BYTES + 1))) {
    room -= encodeURI(character).length;
    if (room < 0) return `${text} …`;
    text += character;
  }
  return text;
}

/** The trailer in which gRPC carries a google.rpc.Status. */
const DETAILS_KEY = 'grpc-status-details-bin';

const DOMAIN = 'lantern';

/** google.protobuf.Any, which protobufjs brings along and names as it stands in the file. */
type Any = { type_url: string; value: Buffer };

/**
 * The error's faults as google.rpc.BadRequest and its reason as ErrorInfo, in one serialised Status of about `maxBytes` at
 * most; undefined for neither. Of too many faults the first are there, and how many are not.
 */
function encodeDetails(
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
function wellFormed(text: string): string {
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

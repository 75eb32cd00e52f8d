import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { type ErrorCode, type Fault, LanternError, toLanternError } from '../base/errors.ts';
import { cutText } from '../base/text.ts';
import { messageType } from './protos.ts';

/** The only mapping of error codes to gRPC statuses. */
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

/** Parts of the 8 KiB of headers that gRPC's core accepts: the percent-encoded message, the details before base64. */
const MAX_MESSAGE_BYTES = 2_560;
const MAX_DETAILS_BYTES = 3_584;

/** Shows a LanternError's message, never a cause. CSI requires empty details, so only lantern.v1 has them. */
export function statusOf(error: unknown, method: string): Partial<StatusObject> {
  const failure = toLanternError(error, method);
  const code = STATUS_OF_CODE[failure.code];
  const message = cutText(
    wellFormed(failure.message.slice(0, MAX_MESSAGE_BYTES + 1)),
    MAX_MESSAGE_BYTES,
    (text) => encodeURI(text).length,
  );
  const metadata = new Metadata();
  const details = method.startsWith('/lantern.v1.')
    ? encodeDetails(failure, { code, message }, MAX_DETAILS_BYTES)
    : undefined;
  if (details !== undefined) metadata.set(DETAILS_KEY, details);
  return { code, details: message, metadata };
}

export function fromServiceError(error: ServiceError): LanternError {
  const code = CODE_OF_STATUS.get(error.code) ?? 'internal';
  return new LanternError(code, error.details === '' ? error.message : error.details, { cause: error });
}

/** A name from JSON may contain half a surrogate pair, which neither gRPC's encoder nor protobuf accepts. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

/** The trailer in which gRPC carries a google.rpc.Status. */
const DETAILS_KEY = 'grpc-status-details-bin';

const DOMAIN = 'lantern';

/** google.protobuf.Any. protobufjs keeps the field names of its own files. */
type Any = { type_url: string; value: Buffer };

/** Undefined without faults and reason. Of too many faults it has the first, and the number of the others. */
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

/** Type names, tags and lengths around the violations, and the violation that counts the rest. */
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

function packed(name: string, message: object): Any {
  return { type_url: `type.googleapis.com/${name}`, value: messageType(name).serialize(message) };
}

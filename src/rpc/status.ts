import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { type ErrorCode, LanternError, toLanternError } from '../base/errors.ts';
import { DETAILS_KEY, encodeDetails, wellFormed } from './error-details.ts';

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

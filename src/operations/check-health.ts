import { connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { describeErrno, errnoOf } from '../base/errors.ts';

/** What a daemon says of itself; for `unreachable` and `failed` why, as the end of a sentence. */
export type Health =
  | { readonly status: 'serving' | 'not-serving' }
  | { readonly status: 'unreachable' | 'failed'; readonly problem: string };

/** Of the request's only field, `service`: protobuf's text of field 1. */
const SERVICE_TAG = 0x0a;
const SERVING = 1;
/** The only field of the answer, `status`, as protobuf's varint of field 1. */
const STATUS_TAG = 0x08;
const MAX_ANSWER_BYTES = 1024;

/**
 * grpc.health.v1.Health/Check over a unix socket. Written on Node's HTTP/2 alone: a container's health check runs every
 * few seconds, and loading gRPC takes longer than all the rest. It never rejects. Without a `service` it asks for
 * the daemon as a whole.
 */
export function checkHealth(socketPath: string, signal: AbortSignal, timeoutMs: number, service = ''): Promise<Health> {
  return new Promise((resolve) => {
    const session = connect('http://localhost', { createConnection: () => connectSocket(socketPath) });
    const done = (health: Health): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(health);
      session.destroy();
    };
    const onAbort = () => done({ status: 'failed', problem: 'the check was interrupted' });
    const timer = setTimeout(
      () => done({ status: 'failed', problem: `it did not answer within ${timeoutMs / 1000} s` }),
      timeoutMs,
    );
    signal.addEventListener('abort', onAbort, { once: true });
    const onError = (error: unknown) => {
      const problem = socketProblem(error);
      if (problem !== undefined) done({ status: 'unreachable', problem });
      else done({ status: 'failed', problem: 'what answers there does not speak gRPC' });
    };
    session.on('error', onError);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    // A stream that ends with its session says why in its cause.
    stream.on('error', (error) => onError(error.cause ?? error));
    let grpcStatus: string | undefined;
    const noteStatus = (headers: Record<string, unknown>) => {
      grpcStatus ??= headers['grpc-status'] === undefined ? undefined : String(headers['grpc-status']);
    };
    stream.on('response', noteStatus);
    stream.on('trailers', noteStatus);
    let answer = Buffer.alloc(0);
    stream.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length > MAX_ANSWER_BYTES) onError(new Error('too long'));
    });
    stream.on('close', () => {
      if (grpcStatus === undefined) onError(new Error('no status'));
      else if (grpcStatus !== '0') done({ status: 'failed', problem: `it answered with gRPC status ${grpcStatus}` });
      else done({ status: isServing(answer) ? 'serving' : 'not-serving' });
    });
    stream.end(requestFor(service));
  });
}

/** A gRPC message that is not compressed: its length, then the field. A name of no bytes is not sent at all. */
function requestFor(service: string): Buffer {
  const message =
    service === '' ? Buffer.alloc(0) : Buffer.from([SERVICE_TAG, service.length, ...Buffer.from(service)]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

/** A message's five bytes of frame, then the field. A status of 0 is not sent at all. */
function isServing(answer: Buffer): boolean {
  return answer[5] === STATUS_TAG && answer[6] === SERVING;
}

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nothing listens there',
  EACCES: 'this user may not open it',
  EPERM: 'this user may not open it',
};

/** Why a unix socket could not be connected to, as the end of a sentence; undefined when the error is of another kind. */
export function socketProblem(error: unknown): string | undefined {
  const errno = errnoOf(error);
  return errno === undefined ? undefined : (PROBLEMS[errno] ?? describeErrno(errno));
}

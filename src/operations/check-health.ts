import { connect as connectSocket } from 'node:net';
import { describeErrno, errnoOf } from '../base/errors.ts';

/** `problem` is the end of a sentence. */
export type Health =
  | { readonly status: 'serving' | 'not-serving' }
  | { readonly status: 'unreachable' | 'failed'; readonly problem: string };

/** Protobuf's tag for text in field 1 of the request: `service`. */
const SERVICE_TAG = 0x0a;
const SERVING = 1;
/** Protobuf's tag for a varint in field 1 of the answer: `status`. */
const STATUS_TAG = 0x08;
const MAX_ANSWER_BYTES = 1024;

const INTERRUPTED: Health = { status: 'failed', problem: 'the check was interrupted' };

/**
 * Calls grpc.health.v1.Health/Check by Node's HTTP/2 only: a container's health check runs every few seconds, and
 * loading gRPC would take most of its time. Never rejects. The default service is the whole daemon.
 */
export async function checkHealth(
  socketPath: string,
  signal: AbortSignal,
  timeoutMs: number,
  service = '',
): Promise<Health> {
  // Other commands import this file too.
  const { connect } = await import('node:http2');
  if (signal.aborted) return INTERRUPTED;
  return await new Promise((resolve) => {
    const session = connect('http://localhost', { createConnection: () => connectSocket(socketPath) });
    const done = (health: Health): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(health);
      session.destroy();
    };
    const onAbort = () => done(INTERRUPTED);
    const timer = setTimeout(
      () => done({ status: 'failed', problem: `it did not answer within ${timeoutMs / 1000} s` }),
      timeoutMs,
    );
    signal.addEventListener('abort', onAbort, { once: true });
    const onError = (error: unknown) => {
      const problem = socketProblem(error);
      if (problem !== undefined) done({ status: 'unreachable', problem });
      else done({ status: 'failed', problem: 'the process there does not speak gRPC' });
    };
    session.on('error', onError);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    // If the session fails, its error is the cause.
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
      // The message follows a frame of five bytes. A status of 0 is omitted.
      else done({ status: answer[5] === STATUS_TAG && answer[6] === SERVING ? 'serving' : 'not-serving' });
    });
    stream.end(requestFor(service));
  });
}

/** An uncompressed gRPC message: its length, then the field, which is omitted if empty. */
function requestFor(service: string): Buffer {
  const message =
    service === '' ? Buffer.alloc(0) : Buffer.from([SERVICE_TAG, service.length, ...Buffer.from(service)]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'the socket does not exist',
  ECONNREFUSED: 'nothing listens there',
  EACCES: 'this user may not open it',
  EPERM: 'this user may not open it',
};

/** Returns the end of a sentence; undefined for errors without an errno. */
export function socketProblem(error: unknown): string | undefined {
  const errno = errnoOf(error);
  return errno === undefined ? undefined : (PROBLEMS[errno] ?? describeErrno(errno));
}

import { ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';

/**
 * Ends the streams of services that come from libraries (health, reflection) at shutdown. They know of none, and a host
 * that watches this daemon's health would make every stop wait until calls are cut off.
 */
export function endLibraryStreams(shutdown: AbortSignal): ServerInterceptor {
  return ({ path, responseStream }, call) => {
    if (!responseStream || !path.startsWith('/grpc.')) return new ServerInterceptingCall(call);
    const end = () =>
      stream.sendStatus({ code: status.UNAVAILABLE, details: 'the daemon is shutting down', metadata: null });
    const forget = () => shutdown.removeEventListener('abort', end);
    const stream = new ServerInterceptingCall(call, {
      start: (next) => {
        next({ onCancel: forget });
        shutdown.addEventListener('abort', end, { once: true });
        if (shutdown.aborted) end();
      },
      sendStatus: (answer, next) => {
        forget();
        next(answer);
      },
    });
    return stream;
  };
}

import type { ErrorCode } from '../base/errors.ts';

/** How a call ended. */
export type CallOutcome = 'ok' | ErrorCode;

/** Hears of every call to a method of ours, not to those of gRPC's own services. It never throws, and never waits. */
export interface CallObserver {
  /** Told when a call begins; what it gives back is called once, when the call ends. `method` is `/package.Service/Method`. */
  begun(method: string, kind: 'unary' | 'stream'): (outcome: CallOutcome) => void;
  /** Told when a call's message is malformed, or has too many fields; the call ends as `invalid-argument`. */
  unreadable(): void;
}

/** For whoever has nobody to tell. */
export const noObserver: CallObserver = { begun: () => () => {}, unreadable: () => {} };

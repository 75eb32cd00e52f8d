import type { WireCall } from './caller.ts';
import { Child } from './child.ts';

/** Calls that one caller makes one after the other. */
export type Sequence = readonly WireCall[];

type Action = {
  readonly socket: string;
  /** The server, whose processor time is read. */
  readonly pid: number;
  readonly sequences: readonly Sequence[];
};

export type CallersTask =
  /** One caller; each turn makes one of the sequences. */
  | {
      readonly do: 'serial';
      readonly rounds: number;
      readonly perRound: number;
      readonly actions: Readonly<Record<string, Action>>;
    }
  /** A caller for each sequence, which it repeats all the time. */
  | {
      readonly do: 'parallel';
      readonly rounds: number;
      readonly milliseconds: number;
      readonly actions: Readonly<Record<string, Action>>;
    }
  | { readonly do: 'once'; readonly socket: string; readonly callers: number; readonly calls: readonly WireCall[] }
  /** Empty calls until "stop probe". */
  | { readonly do: 'probe'; readonly socket: string }
  | { readonly do: 'stop probe' }
  /** Answered when each of the streams has had so many messages. */
  | {
      readonly do: 'watch';
      readonly socket: string;
      readonly watchers: number;
      readonly call: WireCall;
      readonly messages: number;
    }
  | { readonly do: 'watched'; readonly messages: number }
  | { readonly do: 'stop watching' };

/** Medians of the rounds. */
export type Measured = {
  /** For one sequence; with parallel callers of all together. */
  readonly microseconds: number;
  /** The server's processor time for one sequence, in microseconds. */
  readonly processor: number;
  /** Of the empty calls meanwhile, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
};

export type CallersAnswer = { readonly measured: Readonly<Record<string, Measured>>; readonly seconds: number };

export class Callers extends Child<CallersTask, CallersAnswer> {
  constructor() {
    super('callers-child.js');
  }
}

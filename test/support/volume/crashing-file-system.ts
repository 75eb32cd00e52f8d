import type { VolumeFs } from '../../../src/volume/file-system.ts';
import { eachCall } from './each-call.ts';

/** Stands for SIGKILL: thrown by every call from the crash on. */
export class Crash extends Error {}

export type CrashingOptions = {
  /** The process dies after this many calls. */
  readonly dieAfter?: number;
  /**
   * This call, counted from 1, or the first of this name, fails with an errno, having done nothing. Where it is lasting
   * all calls after it fail as well, until `recover`.
   */
  readonly fail?: { readonly call: number | keyof VolumeFs; readonly errno: string; readonly isLasting?: boolean };
};

/** Counts the calls that go to a file system, and lets them end at a chosen one. */
export class CrashingFileSystem {
  readonly fs: VolumeFs;
  readonly #options: CrashingOptions;
  readonly #calls: string[] = [];
  #isSick = false;

  constructor(inner: VolumeFs, options: CrashingOptions = {}) {
    this.#options = options;
    this.fs = eachCall(inner, (name, call) => this.#call(name, call));
  }

  /** The calls made so far, by name. */
  get calls(): readonly string[] {
    return this.#calls;
  }

  /** Ends a lasting failure. */
  recover(): void {
    this.#isSick = false;
  }

  #call(name: string, action: () => unknown): unknown {
    const { dieAfter = Number.POSITIVE_INFINITY, fail } = this.#options;
    if (this.#calls.length >= dieAfter) throw new Crash(`after ${dieAfter} calls`);
    this.#calls.push(name);
    const isChosen =
      fail?.call === this.#calls.length ||
      (fail?.call === name && this.#calls.indexOf(name) === this.#calls.length - 1);
    if (isChosen && fail?.isLasting) this.#isSick = true;
    if (fail !== undefined && (isChosen || this.#isSick)) {
      throw Object.assign(new Error(`${fail.errno}: made to fail`), { code: fail.errno, syscall: name });
    }
    return action();
  }
}

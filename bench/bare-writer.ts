import { Child } from './child.ts';

export type BareWriteTask = {
  /** In memory, and empty before the first task. */
  readonly directory: string;
  readonly volumes: number;
  readonly version: string;
};

/** Writes a generation of each of so many volumes by the bare system calls, in a process of its own. */
export class BareWriter extends Child<BareWriteTask, object> {
  constructor() {
    super('bare-writer-child.js');
  }
}

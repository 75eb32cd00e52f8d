import { Child } from './child.ts';

export type BareTask = {
  readonly socket: string;
  /** With it publish and unpublish make their system calls, the volumes being in this directory. */
  readonly directory: string | undefined;
};

/** A grpc-js server with the same protos and messages that answers at once, in a process of its own. */
export class BareServer extends Child<BareTask, object> {
  constructor() {
    super('bare-server-child.js');
  }
}

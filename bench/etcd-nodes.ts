import { Child } from './child.ts';

export type NodesTask =
  | {
      readonly do: 'start';
      readonly first: number;
      readonly count: number;
      readonly endpoints: readonly string[];
      readonly prefix: string;
      readonly keyFile: string;
      readonly startSpreadMs: number;
    }
  /** Answered when all are out of touch. */
  | { readonly do: 'lose' }
  /** Answered when all are in touch. */
  | { readonly do: 'find' }
  | { readonly do: 'report' };

/** Of all nodes together. */
export type NodesReport = {
  readonly inTouch: number;
  readonly followed: number;
  readonly restarts: number;
  /** Changes of the object that all have; the last one in milliseconds since 1970. */
  readonly heard: number;
  readonly lastHeard: number;
  /** Reads that were answered with "unavailable". */
  readonly failures: number;
  /** Bytes on and beside the heap, after a collection. */
  readonly memory: number;
  /** Seconds of a processor since the start. */
  readonly processor: number;
};

/** Nodes in a few processes of their own. */
export class Nodes implements AsyncDisposable {
  readonly #children: readonly Child<NodesTask, NodesReport>[];

  constructor(processes: number) {
    const nodeFlags = ['--expose-gc'];
    this.#children = Array.from({ length: processes }, () => new Child('etcd-nodes-child.js', { nodeFlags }));
  }

  async start(
    count: number,
    task: Omit<Extract<NodesTask, { do: 'start' }>, 'do' | 'first' | 'count'>,
  ): Promise<NodesReport> {
    const each = Math.ceil(count / this.#children.length);
    return await this.#all((index) => {
      const first = index * each;
      return { do: 'start', ...task, first, count: Math.min(each, count - first) };
    });
  }

  /** Resolves when all nodes are as the task says. */
  async ask(what: 'lose' | 'find' | 'report'): Promise<NodesReport> {
    return await this.#all(() => ({ do: what }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) await child[Symbol.asyncDispose]();
  }

  async #all(taskOf: (index: number) => NodesTask): Promise<NodesReport> {
    const reports = await Promise.all(this.#children.map((child, index) => child.ask(taskOf(index))));
    const sum = (key: keyof NodesReport) => reports.reduce((total, report) => total + report[key], 0);
    return {
      inTouch: sum('inTouch'),
      followed: sum('followed'),
      restarts: sum('restarts'),
      heard: sum('heard'),
      lastHeard: Math.max(...reports.map(({ lastHeard }) => lastHeard)),
      failures: sum('failures'),
      memory: sum('memory'),
      processor: sum('processor'),
    };
  }
}

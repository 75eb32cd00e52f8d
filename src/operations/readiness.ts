import type { Projector } from '../projection/projector.ts';
import type { RpcServer } from '../rpc/transport/server.ts';
import type { Source, Writability } from '../stores/store.ts';

/** One thing a daemon needs before it can do its work; `problem` is undefined when it has it. */
export type ReadinessCheck = { readonly name: string; readonly problem: string | undefined };

/** What readiness is read from. */
type ReadinessParts = {
  readonly source: Pick<Source, 'ready'>;
  readonly projector: Pick<Projector, 'isReady'>;
  readonly server: Pick<RpcServer, 'isServing'>;
  /** Of a store that can run out of room. */
  readonly writability?: Pick<Writability, 'problem'> | undefined;
};

/** What a daemon waits for before it can do its work, as it is whenever it is asked for. */
export function readinessOf(parts: ReadinessParts, signal: AbortSignal): () => readonly ReadinessCheck[] {
  let isSynced = false;
  parts.source.ready(signal).then(
    () => {
      isSynced = true;
    },
    () => {},
  );
  return () => [
    check('source', isSynced, 'the objects have not been read yet'),
    check('volumes', parts.projector.isReady, 'what an earlier daemon left is not taken over yet'),
    check('grpc', parts.server.isServing, 'calls are not served'),
    // Names no path: whoever reaches the page may read it.
    check('store', parts.writability?.problem === undefined, 'objects cannot be stored; the log says why'),
  ];
}

function check(name: string, isDone: boolean, problem: string): ReadinessCheck {
  return { name, problem: isDone ? undefined : problem };
}

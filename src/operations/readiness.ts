import type { Projector } from '../projection/projector.ts';
import type { RpcServer } from '../rpc/transport/server.ts';
import type { Source, Writability } from '../stores/store.ts';

/** `problem` is undefined while the condition is met. */
export type ReadinessCheck = { readonly name: string; readonly problem: string | undefined };

type ReadinessParts = {
  readonly source: Pick<Source, 'ready'>;
  readonly projector: Pick<Projector, 'isReady'>;
  readonly server: Pick<RpcServer, 'isServing'>;
  /** Undefined for a store that cannot run out of space. */
  readonly writability?: Pick<Writability, 'problem'> | undefined;
};

export function readinessOf(parts: ReadinessParts, signal: AbortSignal): () => readonly ReadinessCheck[] {
  let isSynced = false;
  parts.source.ready(signal).then(
    () => {
      isSynced = true;
    },
    () => {},
  );
  return () => [
    check('source', isSynced, 'the store has not synced yet'),
    check('volumes', parts.projector.isReady, 'volumes of an earlier daemon are not taken over yet'),
    check('grpc', parts.server.isServing, 'calls are not served yet'),
    // The page is public, and the problem may name a path.
    check('store', parts.writability?.problem === undefined, 'writes fail; the log says why'),
  ];
}

function check(name: string, isDone: boolean, problem: string): ReadinessCheck {
  return { name, problem: isDone ? undefined : problem };
}

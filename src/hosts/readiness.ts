import type { Projector } from '../projection/projector.ts';
import type { RpcServer } from '../rpc/server.ts';
import type { Source } from '../sources/source.ts';

/** One thing a daemon needs before it can do its work; `problem` is undefined when it has it. */
export type ReadinessCheck = { readonly name: string; readonly problem: string | undefined };

/** What readiness is read from. */
export type ReadinessParts = {
  readonly source: Pick<Source, 'ready'>;
  readonly projector: Pick<Projector, 'isReady'>;
  readonly server: Pick<RpcServer, 'isServing'>;
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
  ];
}

function check(name: string, isDone: boolean, problem: string): ReadinessCheck {
  return { name, problem: isDone ? undefined : problem };
}

import { hasCode } from '../../base/errors.ts';
import type { Declared } from '../../objects/declared.ts';
import { type ObjectKind, type ObjectRef, refKey, refOf } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import type { Cli } from '../command.ts';
import { allPages } from '../with-daemon.ts';
import { untilNotOvertaken } from './change-object.ts';
import { deleteObjects } from './delete-objects.ts';

/** As with kubectl, no accounts: workloads name them that no manifest declares. */
const PRUNED_KINDS: readonly ObjectKind[] = ['Secret', 'ConfigMap', 'ProjectedVolume', 'UnitCredentials'];

type Pruning = {
  /** Also what the selector left out: its label may be new, and the stored object still have the old one. */
  readonly declared: readonly Declared[];
  readonly isSelected: (object: WireObject) => boolean;
  readonly isDryRun: boolean;
  readonly tell: (ref: ObjectRef) => void;
};

/**
 * Deletes selected objects that `apply` made and `declared` lacks, in the namespaces of `applied`. An object without a
 * record was made otherwise, and stays. False if some failed.
 */
export async function pruneObjects(
  cli: Cli,
  daemon: LanternClient,
  applied: readonly Declared[],
  { declared, isSelected, isDryRun, tell }: Pruning,
): Promise<boolean> {
  const { signal } = cli;
  const kept = new Set(declared.map(({ draft }) => refKey(refOf(draft))));
  const isPruned = (object: WireObject) => object.applied !== null && isSelected(object);
  const refs: ObjectRef[] = [];
  for (const namespace of new Set(applied.map(({ draft }) => draft.metadata.namespace))) {
    for (const kind of PRUNED_KINDS) {
      const found = await allPages(
        (pageToken) => daemon.objects.list({ kind, namespace, withApplied: true, pageToken }, { signal }),
        (page) =>
          page.objects.filter(isPruned).map(({ metadata }) => ({ kind, namespace, name: metadata?.name ?? '' })),
      );
      refs.push(...found.filter((ref) => !kept.has(refKey(ref))));
    }
  }
  const remove = async (ref: ObjectRef): Promise<boolean> => {
    const { object } = await daemon.objects.get({ ref, withApplied: true }, { signal });
    // Another client may have changed it since the listing.
    if (object === null || !isPruned(object)) return false;
    await daemon.objects.delete({ ref, resourceVersion: object.metadata?.resourceVersion ?? '' }, { signal });
    return true;
  };
  return await deleteObjects(cli, daemon, refs, {
    isDryRun,
    tell,
    remove: async (ref) => {
      if (isDryRun) return true;
      return await untilNotOvertaken(cli, () => remove(ref)).catch((error: unknown) => {
        if (hasCode(error, 'not-found')) return false;
        throw error;
      });
    },
  });
}

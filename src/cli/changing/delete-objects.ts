import { hasCode } from '../../base/errors.ts';
import { type ObjectRef, refKey } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { callsInOrder, dependsOn } from '../calls-in-order.ts';
import type { Cli } from '../command.ts';
import { nameOfKind } from '../kinds.ts';
import { volumesInUse } from '../objects/volumes-in-use.ts';
import { printable } from '../output/text.ts';

type Deleting = {
  /** False if the object was not there. */
  readonly remove: (ref: ObjectRef) => Promise<boolean>;
  readonly tell: (ref: ObjectRef) => void;
  readonly isDryRun: boolean;
};

/** Tells of each object, and warns of volumes that become stale. False if some failed. */
export async function deleteObjects(
  cli: Cli,
  daemon: LanternClient,
  refs: readonly ObjectRef[],
  { remove, tell, isDryRun }: Deleting,
): Promise<boolean> {
  const inUse = await volumesInUse(daemon, refs, cli.signal);
  return await callsInOrder(cli, refs, {
    doing: 'deleting objects',
    call: remove,
    tell: (wasThere, ref) => {
      if (!wasThere) return;
      tell(ref);
      const volumes = inUse.get(refKey(ref)) ?? [];
      const object = `${nameOfKind(ref.kind).singular} "${ref.name}"`;
      if (volumes.length > 0) cli.terminal.complain(staleWarning(object, isDryRun, volumes));
    },
    follows: dependsOn,
  });
}

/** Deletes it, or with `dryRun` only looks for it. */
export async function removeObject(
  { signal }: Cli,
  daemon: LanternClient,
  ref: ObjectRef,
  { ignoreNotFound, dryRun }: { readonly ignoreNotFound: boolean; readonly dryRun: boolean },
): Promise<boolean> {
  try {
    await (dryRun ? daemon.objects.get({ ref }, { signal }) : daemon.objects.delete({ ref }, { signal }));
    return true;
  } catch (error) {
    if (ignoreNotFound && hasCode(error, 'not-found')) return false;
    throw error;
  }
}

const NAMED_VOLUMES = 5;

function staleWarning(object: string, isDryRun: boolean, volumes: readonly string[]): string {
  const named = volumes.slice(0, NAMED_VOLUMES).map((id) => `"${printable(id)}"`);
  const more = volumes.length > NAMED_VOLUMES ? ` and ${volumes.length - NAMED_VOLUMES} more` : '';
  const those = `volume${volumes.length === 1 ? '' : 's'} ${named.join(', ')}${more}`;
  const fact = isDryRun ? 'is in use: without it, stale until' : 'was in use: stale until';
  return `warning: ${object} ${fact} it exists again, with its last contents: ${those}`;
}

import { type ObjectRef, refKey } from '../objects/object.ts';
import type { Cli } from './command.ts';
import { toComplaint } from './exit.ts';
import { ShownProgress } from './shown-progress.ts';

/** As many writes as one batch of the store takes without a caller noticing. */
const MAX_UNDER_WAY = 32;

type Calls<Item, Answer> = {
  /** For the progress, such as `applying objects`. */
  readonly doing: string;
  readonly call: (item: Item) => Promise<Answer>;
  /** Called in the order of the items. */
  readonly tell: (answer: Answer, item: Item) => void;
  /** True if `item` must not be called before `earlier` is done. */
  readonly follows: (item: Item, earlier: Item) => boolean;
};

/**
 * Like `forEach`, with several calls under way; what they answer, and their errors, come in the order of the items.
 * After an error that would meet every further item no call is begun, and it is thrown when those under way have told.
 */
export async function callsInOrder<Item, Answer>(
  cli: Pick<Cli, 'terminal' | 'clock'>,
  items: readonly Item[],
  { doing, call, tell, follows }: Calls<Item, Answer>,
): Promise<boolean> {
  using progress = new ShownProgress(cli);
  progress.begin(doing, items.length);
  const underWay: { readonly item: Item; readonly told: () => Promise<void> }[] = [];
  let allWell = true;
  let general: unknown;
  const tellFirst = async () => {
    try {
      await underWay.shift()?.told();
    } catch (error) {
      const complaint = toComplaint(error);
      if (complaint === undefined) general ??= error;
      else cli.terminal.complain(complaint);
      allWell = false;
    }
    progress.step();
  };
  for (const item of items) {
    while (underWay.length === MAX_UNDER_WAY || underWay.some((earlier) => follows(item, earlier.item)))
      await tellFirst();
    if (general !== undefined) break;
    const answer = call(item);
    // It is awaited in its turn.
    answer.catch(() => {});
    underWay.push({ item, told: async () => tell(await answer, item) });
  }
  while (underWay.length > 0) await tellFirst();
  if (general !== undefined) throw general;
  return allWell;
}

/** Writes of one object keep their order. The daemon deletes a token Secret whose account it does not find. */
export function dependsOn(object: ObjectRef, earlier: ObjectRef): boolean {
  const hasAccount = object.kind === 'ServiceAccount' || earlier.kind === 'ServiceAccount';
  return hasAccount || refKey(object) === refKey(earlier);
}

import { parseLabelSelector } from '../objects/label-selector.ts';
import type { Object__Output as WireObject } from '../rpc/generated/lantern/v1/Object.ts';
import { listFaults, wrongUsage } from './exit.ts';

/** What `--selector` says about an object; without one, every object is meant. A selector that is none is wrong usage. */
export function selectorOf(selector: string | undefined): (object: WireObject) => boolean {
  if (selector === undefined) return () => true;
  const result = parseLabelSelector(selector, '--selector');
  if (!result.ok) throw wrongUsage(listFaults(result.faults));
  return ({ metadata }) => result.value(new Map(Object.entries(metadata?.labels ?? {})));
}

import type { ParseInput, ParseTask } from './parse-tasks.ts';

/** What is read within some 20 ms, whatever it looks like. */
const SMALL_BYTES = 16 * 1024;
const SMALL_NODES = 800;

/** Whether a task may be done where others wait. Looks at no more than it has to. */
export function isSmall<Task extends ParseTask>(input: ParseInput<Task>): boolean {
  return weightOf(input, SMALL_NODES) > 0;
}

/** What is left of `room`, in nodes; 0 or less when there are more. */
function weightOf(value: unknown, room: number): number {
  if (typeof value === 'string') return room - (value.length > SMALL_BYTES ? room : nodesIn(value));
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return room - 1;
  let left = room - 1;
  for (const entry of value instanceof Map ? value : Object.entries(value)) {
    left = weightOf(entry[1], left - 1);
    if (left <= 0) break;
  }
  return left;
}

/** In text, nodes stand behind one of these signs, or on a line of their own. */
function nodesIn(text: string): number {
  let nodes = 1;
  for (const _ of text.matchAll(/[[{,\n]|[-:?](?=\s)/g)) nodes++;
  return nodes;
}

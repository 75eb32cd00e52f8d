import type { VolumeEvent__Output as WireEvent } from '../../rpc/generated/lantern/v1/VolumeEvent.ts';
import { printable } from './printable.ts';
import type { Style } from './style.ts';

/** One event as one line: time, what happened, to which volume, and the details of that kind of event. */
export function eventLine(event: WireEvent, style: Style): string {
  const word = event.type.toLowerCase().replace('_', '-');
  const details = printable(detailsOf(event));
  return [style.faint(event.time), paint(event, style)(word.padEnd(14)), printable(event.volumeId), details]
    .join('  ')
    .trimEnd();
}

function detailsOf(event: WireEvent): string {
  if (event.type === 'UPDATED') {
    const changed = event.changedPaths.length === 0 ? '' : ` (${event.changedPaths.join(', ')})`;
    const took = event.propagationMs > 0 ? ` in ${event.propagationMs.toFixed(1)} ms` : '';
    return `to ${event.newGeneration}${took}${changed}`;
  }
  const target = event.targetPath === '' ? '' : `at ${event.targetPath}`;
  return [target, event.message].filter((part) => part !== '').join(': ');
}

function paint({ type }: WireEvent, style: Style): (text: string) => string {
  if (type === 'FAILED') return style.bad;
  return type === 'WARNING' || type === 'UPDATE_SKIPPED' ? style.caution : style.good;
}

import type { NamedFinding, Verdict } from '../../hosts/doctor-check.ts';
import { printable } from './printable.ts';
import type { Style } from './style.ts';
import { formatTable } from './table.ts';

const COLOUR: Readonly<Record<Verdict, keyof Style>> = {
  ok: 'good',
  warning: 'caution',
  problem: 'bad',
  unknown: 'caution',
};

/** A line for each finding, and below it what to do, where there is something to do. No final newline. */
export function doctorTable(findings: readonly NamedFinding[], style: Style): string {
  const rows = findings.flatMap(({ name, verdict, finding, nextStep }) => {
    const line = [style[COLOUR[verdict]](verdict), name, printable(finding)];
    return nextStep === '' ? [line] : [line, ['', '', style.faint(`→ ${printable(nextStep)}`)]];
  });
  return formatTable(['VERDICT', 'CHECK', 'FINDING'], rows);
}

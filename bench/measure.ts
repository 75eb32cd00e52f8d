import { readdirSync, readFileSync } from 'node:fs';

/** How much to do: `--quick` is for CI, where only "it runs" counts. */
export const isQuick = process.argv.includes('--quick');

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/**
 * Medians, in microseconds per call, of several actions measured in turns within one run, so that a noisy machine
 * disturbs all of them alike. Only their ratios mean something.
 */
export async function inTurns<Name extends string>(
  rounds: number,
  perRound: number,
  actions: Readonly<Record<Name, () => Promise<void> | void>>,
): Promise<Record<Name, number>> {
  const names = Object.keys(actions) as Name[];
  const times = new Map<Name, number[]>(names.map((name) => [name, []]));
  // As many rounds again to warm up: a daemon runs for weeks, a compiler needs thousands of calls.
  for (let round = -rounds; round < rounds; round++) {
    for (const name of names) {
      const start = performance.now();
      for (let call = 0; call < perRound; call++) await actions[name]();
      if (round >= 0) times.get(name)?.push(((performance.now() - start) * 1000) / perRound);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times.get(name) ?? [])])) as Record<Name, number>;
}

export async function seconds(action: () => unknown): Promise<number> {
  const start = performance.now();
  await action();
  return (performance.now() - start) / 1000;
}

/** Seconds of processor time of a process so far, from the scheduler's nanoseconds of each of its threads. */
export function processorSeconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const spent = threads.map((thread) => {
    try {
      return Number.parseInt(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'), 10);
    } catch {
      // It has just ended.
      return 0;
    }
  });
  return spent.reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1e9;
}

/** Resident memory of a process in MiB, now or at its peak. */
export function residentMiB(pid: number, which: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${which}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
}

export type Figure = { readonly what: string; readonly value: string; readonly aim: string; readonly met: boolean };

/** A ratio of two times in microseconds, with the greatest that meets the aim. */
export function ratioFigure(what: string, time: number, unit: number, most: number, note = ''): Figure {
  const ratio = time / unit;
  const value = `${ratio.toFixed(2)} (${time.toFixed(0)} / ${unit.toFixed(0)} µs${note})`;
  return { what, value, aim: `<= ${most}`, met: ratio <= most };
}

/** A number with its unit, with the greatest that meets the aim. */
export function figure(what: string, value: number, unit: string, most: number, note = ''): Figure {
  const inUnit = (of: number) => `${Number(of.toPrecision(3))}${unit === '' ? '' : ` ${unit}`}`;
  return { what, value: `${inUnit(value)}${note}`, aim: `<= ${inUnit(most)}`, met: value <= most };
}

/** A figure that is only shown. */
export function shown(what: string, value: string): Figure {
  return { what, value, aim: '', met: true };
}

export function printFigures(title: string, figures: readonly Figure[]): void {
  console.log(`\n${title}`);
  const width = Math.max(...figures.map(({ what }) => what.length));
  for (const { what, value, aim, met } of figures) {
    console.log(
      `  ${what.padEnd(width)}  ${value.padEnd(40)}  ${aim === '' ? '' : `aim ${aim}`}${met ? '' : '  NOT MET'}`,
    );
  }
}

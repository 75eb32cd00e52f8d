/** How much to do: `--quick` is for CI, where only "it runs" counts. */
export const isQuick = process.argv.includes('--quick');

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/**
 * Medians, in microseconds per call, of several actions measured in turns within one run, so that a noisy machine disturbs
 * all of them alike. Only their ratios mean something.
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

export type Figure = { readonly what: string; readonly value: string; readonly aim: string; readonly met: boolean };

export function printFigures(figures: readonly Figure[]): void {
  const width = Math.max(...figures.map(({ what }) => what.length));
  for (const { what, value, aim, met } of figures) {
    console.log(`${what.padEnd(width)}  ${value.padEnd(34)}  aim ${aim}${met ? '' : '  NOT MET'}`);
  }
}

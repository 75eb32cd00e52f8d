import { readFileSync } from 'node:fs';

/** The part of V8's CPU profile that is read here. Times are in microseconds on the monotonic clock. */
type Profile = {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};

const LINES = 25;

/**
 * Prints where the time of a .cpuprofile was spent: in the functions themselves, without what they call, by part of the
 * program and for the functions that took most. `from` and `to` leave out what came before and after.
 */
export function printSelfTimes(file: string, from = 0, to = Number.POSITIVE_INFINITY): void {
  const { nodes, startTime, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8')) as Profile;
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const [parts, functions] = [new Map<string, number>(), new Map<string, number>()];
  let time = startTime;
  let total = 0;
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index] ?? 0;
    time += delta;
    const frame = frames.get(id);
    if (frame === undefined || time < from || time > to || frame.functionName === '(idle)') continue;
    const part = partOf(frame.url, frame.functionName);
    const name = `${part}: ${frame.functionName || '(anonymous)'} ${placeOf(frame.url, frame.lineNumber)}`;
    total += delta;
    parts.set(part, (parts.get(part) ?? 0) + delta);
    functions.set(name, (functions.get(name) ?? 0) + delta);
  }
  console.log(`${(total / 1e6).toFixed(2)} s of work; by part:`);
  print(parts, total);
  console.log('by function:');
  print(functions, total);
}

function print(times: ReadonlyMap<string, number>, total: number): void {
  const sorted = [...times].sort(([, a], [, b]) => b - a);
  for (const [name, time] of sorted.slice(0, LINES)) {
    console.log(`  ${((time / total) * 100).toFixed(1).padStart(5)} %  ${name}`);
  }
}

/** A folder of `src`, a package, a module of Node, or what V8 names in parentheses, e.g. (garbage collector). */
function partOf(url: string, functionName: string): string {
  if (url === '') return functionName.startsWith('(') ? functionName : '(native)';
  const [, own] = /\/src\/([^/]+)\//.exec(url) ?? [];
  const [, dependency] = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? [];
  if (dependency !== undefined) return dependency;
  if (own !== undefined) return `src/${own}`;
  return url.startsWith('node:') ? url.replace('internal/', '').split('/').slice(0, 1).join('') : 'src';
}

function placeOf(url: string, line: number): string {
  return url === '' ? '' : `(${url.split('/').slice(-2).join('/')}:${line + 1})`;
}

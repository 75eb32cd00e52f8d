import { describe, expect, test } from 'vitest';
import { importsOf, type SourceFile, sourceFiles } from './source-files.ts';

/** Reading order. A folder imports only from itself and from folders to its left. */
const FOLDERS = 'base objects spec sources payload volume mount projection config rpc hosts'.split(' ');

/** The composition root and the process stand outside the chain. */
const OUTSIDE = new Map([
  ['src/daemon.ts', 'daemon'],
  ['src/main.ts', 'main'],
]);

const PLACES = [...FOLDERS, 'cli', 'daemon', 'main'];

const files = sourceFiles('src');

describe('src', () => {
  test('has only the folders of the reading order, and the named files outside', () => {
    const strangers = files.filter(({ path }) => !OUTSIDE.has(path) && ![...FOLDERS, 'cli'].includes(placeOf(path)));
    expect(strangers.map(({ path }) => path)).toEqual([]);
  });

  test('is imported from left to right', () => {
    expect(files.flatMap(wrongImports)).toEqual([]);
  });

  test('has no import cycle between files', () => {
    expect(findCycle(files)).toEqual([]);
  });
});

test('what the rules are meant to catch is caught', () => {
  const file = (path: string, ...imports: string[]): SourceFile => ({ path, text: '', imports });
  expect(wrongImports(file('src/spec/a.ts', 'src/base/b.ts', 'src/spec/c.ts'))).toEqual([]);
  expect(wrongImports(file('src/spec/a.ts', 'src/volume/b.ts'))).toEqual(['src/spec/a.ts imports src/volume/b.ts']);
  expect(wrongImports(file('src/cli/a.ts', 'src/daemon.ts'))).toEqual(['src/cli/a.ts imports src/daemon.ts']);
  const a = file('src/a.ts', 'src/b.ts');
  const b = file('src/b.ts', 'src/c.ts');
  expect(findCycle([a, b, file('src/c.ts')])).toEqual([]);
  expect(findCycle([a, b, file('src/c.ts', 'src/b.ts')])).toEqual(['src/b.ts', 'src/c.ts', 'src/b.ts']);
});

test.each([
  ["import { a } from './a.ts';", 'src/spec/a.ts'],
  ["import {\n  a,\n  type B,\n} from '../base/a.ts';", 'src/base/a.ts'],
  ["import type { A } from './a.ts';", 'src/spec/a.ts'],
  ["export * from './a.ts';", 'src/spec/a.ts'],
  ["import './a.ts';", 'src/spec/a.ts'],
  ["const a = await import('./a.ts');", 'src/spec/a.ts'],
  ["type A = import('./a.ts').A;", 'src/spec/a.ts'],
])('an import is seen: %s', (text, imported) => {
  expect(importsOf('src/spec/importer.ts', text)).toEqual([imported]);
});

function placeOf(path: string): string {
  return OUTSIDE.get(path) ?? path.split('/')[1] ?? '';
}

function wrongImports({ path, imports }: SourceFile): string[] {
  const rank = PLACES.indexOf(placeOf(path));
  return imports
    .filter((imported) => PLACES.indexOf(placeOf(imported)) > rank)
    .map((imported) => `${path} imports ${imported}`);
}

/** The files of one cycle, first and last the same; empty without any. Imports of types count: they tie readers as well. */
function findCycle(all: readonly SourceFile[]): readonly string[] {
  const importsByPath = new Map(all.map(({ path, imports }) => [path, imports]));
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): readonly string[] => {
    const start = trail.indexOf(path);
    if (start >= 0) return [...trail.slice(start), path];
    if (finished.has(path)) return [];
    for (const imported of importsByPath.get(path) ?? []) {
      const cycle = visit(imported, [...trail, path]);
      if (cycle.length > 0) return cycle;
    }
    finished.add(path);
    return [];
  };
  for (const { path } of all) {
    const cycle = visit(path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

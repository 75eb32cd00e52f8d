import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { importsOf, type SourceFile, sourceFiles } from './source-files.ts';

/** Reading order. A folder imports only from itself and from folders before it. */
const FOLDERS = `
  base
  objects objects/manifest objects/kustomize
  spec spec/pod spec/parser
  stores stores/kept stores/sealed stores/archive stores/embedded stores/etcd stores/manifests
  tokens
  payload
  volume
  mount/linux mount/targets mount mount/bind mount/direct mount/detect
  projection/events projection/freshness projection projection/pods
  config
  rpc rpc/transport rpc/csi rpc/docker rpc/lantern rpc/systemd
  operations operations/doctor operations/live
  cli/output cli cli/objects cli/changing cli/pods cli/exec cli/moving cli/completion cli/commands
`
  .trim()
  .split(/\s+/);

/** What puts the others together: the table of commands, the daemon and the process. */
const OUTSIDE = ['src/cli/program.ts', 'src/client.ts', 'src/daemon.ts', 'src/launcher.ts', 'src/main.ts'];

const PLACES = [...FOLDERS, ...OUTSIDE];

/** Pairs that know nothing of each other, although one comes first. */
const STRANGERS: readonly (readonly [string, string])[] = [['mount/bind', 'mount/direct']];

const MAX_FILES = 20;

const files = sourceFiles('src');

describe('src', () => {
  test('has only the folders of the reading order, and the named files outside', () => {
    const strangers = files.filter(({ path }) => !PLACES.includes(placeOf(path)));
    expect(strangers.map(({ path }) => path)).toEqual([]);
    expect(PLACES.filter((place) => !files.some(({ path }) => placeOf(path) === place))).toEqual([]);
  });

  test(`has at most ${MAX_FILES} files in a folder, commands apart`, () => {
    const sizes = FOLDERS.map(
      (folder) => [folder, files.filter(({ path }) => placeOf(path) === folder).length] as const,
    );
    expect(sizes.filter(([folder, size]) => folder !== 'cli/commands' && size > MAX_FILES)).toEqual([]);
  });

  test('is imported in reading order', () => {
    expect(files.flatMap(wrongImports)).toEqual([]);
  });

  test('has no import cycle between files', () => {
    expect(findCycle(files)).toEqual([]);
  });
});

test('what the rules are meant to catch is caught', () => {
  const file = (path: string, ...imports: string[]): SourceFile => ({ path, text: '', imports });
  expect(wrongImports(file('src/spec/a.ts', 'src/base/b.ts', 'src/spec/c.ts'))).toEqual([]);
  expect(wrongImports(file('src/spec/pod/a.ts', 'src/spec/b.ts', 'src/objects/manifest/c.ts'))).toEqual([]);
  expect(wrongImports(file('src/spec/a.ts', 'src/volume/b.ts'))).toEqual(['src/spec/a.ts imports src/volume/b.ts']);
  expect(wrongImports(file('src/spec/a.ts', 'src/spec/pod/b.ts'))).toEqual(['src/spec/a.ts imports src/spec/pod/b.ts']);
  expect(wrongImports(file('src/cli/a.ts', 'src/daemon.ts'))).toEqual(['src/cli/a.ts imports src/daemon.ts']);
  expect(wrongImports(file('src/mount/direct/a.ts', 'src/mount/bind/b.ts'))).toHaveLength(1);
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
  return OUTSIDE.includes(path) ? path : dirname(path).slice('src/'.length);
}

function wrongImports({ path, imports }: SourceFile): string[] {
  const place = placeOf(path);
  const isWrong = (other: string) =>
    PLACES.indexOf(other) > PLACES.indexOf(place) || STRANGERS.some(([a, b]) => b === place && a === other);
  return imports
    .filter((imported) => !imported.startsWith('src/rpc/generated/') && isWrong(placeOf(imported)))
    .map((imported) => `${path} imports ${imported}`);
}

/**
 * The files of one cycle, first and last the same; empty without any. Imports of types count: they tie readers as well.
 */
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

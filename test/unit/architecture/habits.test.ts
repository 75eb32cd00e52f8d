import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { TOP } from '../../support/suite/compiled.ts';
import { filesBelow, sourceFiles } from './source-files.ts';

const MAX_COLUMNS = 120;
const THIS_FILE = relative(TOP, import.meta.filename);

/** The formatter wraps the code, but no comment. */
const COMMENT_LINE = /^ *(?:\/\/|\/?\*).*$/gm;

const source = sourceFiles('src');
const code = ['src', 'page', 'test', 'demo', 'bench'].flatMap(sourceFiles);

const matching = (files: typeof source, pattern: RegExp, ...allowed: readonly string[]) =>
  files.filter(({ path, text }) => pattern.test(text) && !allowed.includes(path)).map(({ path }) => path);

const longLines = (path: string, text: string) =>
  text.split('\n').flatMap((line) => (line.length > MAX_COLUMNS ? [`${path}: ${line}`] : []));

test('only main.ts ends the process', () => {
  expect(matching(source, /\bprocess\.(?:exit|abort)\b/, 'src/main.ts')).toEqual([]);
});

test('one place of the command line knows the namespace of those who name none', () => {
  const commands = source.filter(({ path }) => path.startsWith('src/cli/'));
  expect(matching(commands, /\?\? 'default'|amespace = 'default'/)).toEqual([]);
});

// What the linter is told to overlook needs a reason in the same comment; biome itself sees to that.
test('the compiler is never told to overlook something', () => {
  expect(matching(code, /@ts-(?:ignore|nocheck|expect-error)/, THIS_FILE)).toEqual([]);
});

test('every page that a comment names is in the repository', () => {
  const missing = code.flatMap(({ path, text }) => {
    const pages = [...text.matchAll(/^\s*(?:\*|\/\/|\/\*\*).*?\b([\w/-]+\.md)\b/gm)].map(([, page = '']) => page);
    return pages.filter((page) => !existsSync(join(TOP, page))).map((page) => `${path}: ${page}`);
  });
  expect(missing).toEqual([]);
});

test('every file that ARCHITECTURE.md names is there', () => {
  const page = readFileSync(join(TOP, 'ARCHITECTURE.md'), 'utf8');
  const names = [...page.matchAll(/`([\w/-]+\.ts)[`:]/g)].map(([, name = '']) => name);
  expect(names.length).toBeGreaterThan(0);
  const missing = names.filter((name) => !code.some(({ path }) => path === name || path.endsWith(`/${name}`)));
  expect(missing).toEqual([]);
});

test('every compiled file that a script loads has a source', () => {
  const scripts = ['scripts', 'scripts/conformance'].flatMap((directory) =>
    readdirSync(join(TOP, directory)).flatMap((name) => (name.endsWith('.mjs') ? [join(directory, name)] : [])),
  );
  const loaded = scripts.flatMap((path) => {
    const paths = readFileSync(join(TOP, path), 'utf8').matchAll(
      /\bload\('([\w/-]+)\.js'\)|tools\/src\/([\w/-]+)\.js/g,
    );
    return [...paths].map(([, load, tool]) => `src/${load ?? tool}.ts`);
  });
  expect(loaded.length).toBeGreaterThan(0);
  expect(loaded.filter((path) => !existsSync(join(TOP, path)))).toEqual([]);
});

test(`prose has at most ${MAX_COLUMNS} columns`, () => {
  const pages = ['.', 'docs'].flatMap((directory) =>
    readdirSync(join(TOP, directory)).flatMap((name) => (name.endsWith('.md') ? [join(directory, name)] : [])),
  );
  const long = pages.flatMap((page) => {
    const prose = readFileSync(join(TOP, page), 'utf8').replaceAll(/^ *```[\s\S]*?^ *```$|^\|.*$/gm, '');
    return longLines(page, prose);
  });
  expect(long).toEqual([]);
});

test(`comments have at most ${MAX_COLUMNS} columns`, () => {
  const long = code.flatMap(({ path, text }) => longLines(path, (text.match(COMMENT_LINE) ?? []).join('\n')));
  expect(long).toEqual([]);
});

test('no comment begins with a question word', () => {
  const opening = /^\s*(?:\/\/|\/\*\*|\*) (?:What|Whether|Of what|Whoever)\b(?!.*\?)/m;
  expect(matching(source, opening)).toEqual([]);
});

test('tests make temporary directories through TempDir, where the leak check sees them', () => {
  const tests = sourceFiles('test');
  expect(matching(tests, /\bmkdtemp|from 'tmp'/, 'test/support/suite/temp-dir.ts', THIS_FILE)).toEqual([]);
});

test('nothing is left for later in a comment', () => {
  // Written so that this file does not match.
  const marker = /\b(?:TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b/;
  const directories = readdirSync(TOP).filter(
    (name) => !['.git', '.cache', 'node_modules', 'dist', 'coverage', 'package-lock.json'].includes(name),
  );
  const files = directories.flatMap((name) => (statSync(join(TOP, name)).isDirectory() ? filesBelow(name) : [name]));
  const texts = files.filter((path) => !path.endsWith('.png'));
  const marked = texts.filter((path) => marker.test(readFileSync(join(TOP, path), 'utf8')));
  expect(marked).toEqual([]);
});

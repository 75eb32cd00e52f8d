import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TOP } from '../../support/suite/compiled.ts';

/** `invariant 3`, and `invariants 3, 4 and 5`, in a test's own name. */
const NAMED = /(?:describe|test|it)[^'"`\n]*\(\s*['"`][^'"`\n]*\binvariants? (\d+(?:(?:, | and )\d+)*)/g;

test('every invariant of ARCHITECTURE.md has a test that names it', () => {
  const invariants = readFileSync(join(TOP, 'ARCHITECTURE.md'), 'utf8').split('## Invariants')[1] ?? '';
  const numbers = [...invariants.matchAll(/^(\d+)\. /gm)].map(([, number]) => Number(number));
  expect(numbers.length).toBeGreaterThan(0);
  const tests = readdirSync(join(TOP, 'test'), { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.test.ts'),
  );
  const named = new Set(
    tests.flatMap((path) =>
      [...readFileSync(join(TOP, 'test', path), 'utf8').matchAll(NAMED)].flatMap(([, list = '']) =>
        list.split(/, | and /).map(Number),
      ),
    ),
  );
  expect(numbers.filter((number) => !named.has(number))).toEqual([]);
});

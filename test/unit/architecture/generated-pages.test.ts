import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { API_PAGE, makeApiPage } from '../../../scripts/api-page.mjs';
import { FLAGS_PAGE, makeFlagsPage } from '../../../scripts/flags-page.mjs';
import { OPTIONS } from '../../../src/config/options.ts';

test('docs/flags.md is what `npm run flags` makes of the options', () => {
  expect(readFileSync(FLAGS_PAGE, 'utf8')).toBe(makeFlagsPage(Object.values(OPTIONS)));
});

test('docs/api.md is what `npm run api` makes of the protos', () => {
  expect(readFileSync(API_PAGE, 'utf8')).toBe(makeApiPage());
});

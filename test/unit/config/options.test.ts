import { describe, expect, test } from 'vitest';
import { Computed, type Option } from '../../../src/config/option.ts';
import { OPTIONS } from '../../../src/config/options.ts';

const options: readonly Option[] = Object.values(OPTIONS);

describe('the table of options', () => {
  test('each has a flag and a variable of its own', () => {
    expect(new Set(options.map(({ flag }) => flag)).size).toBe(options.length);
    expect(new Set(options.map(({ environment }) => environment)).size).toBe(options.length);
  });

  test('the options of a group stand together', () => {
    const headings = options.map(({ group }) => group).filter((group, index, all) => group !== all[index - 1]);
    expect(headings).toEqual([...new Set(headings)]);
  });

  const fixed = options.filter((option) => !(option.default instanceof Computed));
  test.each(fixed.map((option) => [option.flag, option] as const))(
    'the default in the help of %s, when given, is the default',
    (flag, { parse, defaultText, default: value }) => {
      expect(parse([defaultText], flag)).toEqual({ ok: true, value });
    },
  );

  test.each(options.map(({ flag, help }) => [flag, help]))(
    'the help of %s is a phrase without a full stop',
    (_, help) => {
      expect(help).toMatch(/^\S.*[^.\s]$/);
    },
  );
});

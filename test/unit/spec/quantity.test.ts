import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orThrow } from '../../../src/base/parsed.ts';
import { ceilDivide, parseQuantity } from '../../../src/spec/quantity.ts';
import { faultLines } from '../../support/suite/expectations.ts';

const quantity = (text: string) => orThrow(parseQuantity(text, 'q'));

describe('ceil(quantity / divisor)', () => {
  it.each<[string, string, bigint]>([
    ['1250m', '1', 2n],
    ['1250m', '1m', 1250n],
    ['250m', '1', 1n],
    ['0', '1', 0n],
    ['2', '1', 2n],
    ['64Mi', '1', 67_108_864n],
    ['64Mi', '1Mi', 64n],
    ['64Mi', '1M', 68n],
    ['1.5Gi', '1Ki', 1_572_864n],
    ['1e3', '1', 1000n],
    ['1E3', '1k', 1n],
    ['1E', '1P', 1000n],
    ['5e-1', '1m', 500n],
    ['.5', '1m', 500n],
    ['5.', '1', 5n],
    ['+1', '1', 1n],
    ['100n', '1u', 1n],
    ['-1500m', '1', -1n],
    ['8Ei', '1', 9_223_372_036_854_775_808n],
    ['0.1', '0.3', 1n],
  ])('%s / %s is %d', (amount, divisor, result) => {
    expect(ceilDivide(quantity(amount), quantity(divisor))).toBe(result);
  });

  it('is exact where floating point is not', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 18n }),
        fc.bigInt({ min: 1n, max: 10n ** 9n }),
        (amount, divisor) => {
          const result = ceilDivide(quantity(`${amount}m`), quantity(`${divisor}u`));
          expect(result * divisor >= amount * 1000n && (result - 1n) * divisor < amount * 1000n).toBe(true);
        },
      ),
    );
  });
});

it.each([
  '',
  'x',
  '1x',
  '1KI',
  '1ki',
  '1 ',
  ' 1',
  '1,5',
  '--1',
  '1e',
  '1e1.5',
  '1.2.3',
  '.',
  '1e65',
  '1e999999999',
  '0x10',
  '1mm',
  `${'1'.repeat(65)}`,
  '1\n',
])('%j is no quantity', (text) => {
  expect(faultLines(parseQuantity(text, 'q'))).toHaveLength(1);
});

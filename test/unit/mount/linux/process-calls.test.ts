import { readFileSync } from 'node:fs';
import koffi from 'koffi';
import { expect, test } from 'vitest';
import { hardenProcess } from '../../../../src/mount/linux/process-calls.ts';

test('no core file, and no reading of memory by others of the same user', () => {
  const PR_GET_DUMPABLE = 3;
  const prctl: (option: number) => number = koffi.load(null).func('prctl', 'int', ['int']);
  expect(prctl(PR_GET_DUMPABLE)).toBe(1);
  hardenProcess();
  expect(prctl(PR_GET_DUMPABLE)).toBe(0);
  expect(readFileSync('/proc/self/limits', 'utf8')).toMatch(/^Max core file size +0 +0 /m);
});

import { expect, test } from 'vitest';
import { withoutSigns } from '../../../src/cli/options.ts';

test.each([
  [
    ['get', 'secrets', '-o=json', '-n=prod'],
    ['get', 'secrets', '-ojson', '-nprod'],
  ],
  [
    ['get', 'secrets', '-l=app=web'],
    ['get', 'secrets', '-lapp=web'],
  ],
  [
    ['get', 'secret/db', '-o=jsonpath={.a}\n{.b}'],
    ['get', 'secret/db', '-ojsonpath={.a}\n{.b}'],
  ],
  [
    ['apply', '-f=-'],
    ['apply', '-f-'],
  ],
  [
    ['get', 'secrets', '-n='],
    ['get', 'secrets', '-n='],
  ],
  [
    ['create', 'secret', 'generic', 'db', '--from-literal=-a=b'],
    ['create', 'secret', 'generic', 'db', '--from-literal=-a=b'],
  ],
  [
    ['exec', '-f=pod.yaml', '--', 'dd', '-b=1'],
    ['exec', '-fpod.yaml', '--', 'dd', '-b=1'],
  ],
])('%j', (given, expected) => {
  expect(withoutSigns(given)).toEqual(expected);
});

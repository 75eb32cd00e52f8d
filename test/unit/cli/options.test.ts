import { expect, test } from 'vitest';
import { commandFirst, withoutSigns } from '../../../src/cli/options.ts';

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

test.each([
  ['get secrets -n shop', 'get secrets -n shop'],
  ['-n shop get secrets', 'get secrets -n shop'],
  ['-nshop --output=yaml get secret db -w', 'get secret db -nshop --output=yaml -w'],
  ['-A get secrets', 'get secrets -A'],
  ['--socket /s -n shop exec -f pod.yaml -- ls -n x', 'exec --socket /s -n shop -f pod.yaml -- ls -n x'],
  ['-L app get secrets', 'get secrets -L app'],
  ['-n shop exec -- ls', 'exec -n shop -- ls'],
  // They end the program.
  ['--version get', '--version get'],
  ['-n shop --help get', '-n shop --help get'],
  // There is no command.
  ['-n shop', '-n shop'],
  ['-n', '-n'],
  ['', ''],
])('%s', (given, expected) => {
  expect(commandFirst(given.split(' ')).join(' ')).toBe(expected);
});

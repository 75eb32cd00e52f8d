import { expect, test } from 'vitest';
import { commandFirst } from '../../../src/cli/options.ts';

test.each([
  ['get secrets -n shop', 'get secrets -n shop'],
  ['-n shop get secrets', 'get secrets -n shop'],
  ['-nshop --output=yaml get secret db -w', 'get secret db -nshop --output=yaml -w'],
  ['-A get secrets', 'get secrets -A'],
  ['--socket /s -n shop exec -f pod.yaml -- ls -n x', 'exec --socket /s -n shop -f pod.yaml -- ls -n x'],
  ['-L app get secrets', 'get secrets -L app'],
  ['-n shop exec -- ls', 'exec -n shop -- ls'],
  ['create -n shop secret generic db', 'create secret generic db -n shop'],
  ['-n a create -n b secret -o yaml generic db', 'create secret generic db -n a -n b -o yaml'],
  ['create -f x -n shop', 'create -f x -n shop'],
  ['pod -n shop status', 'pod status -n shop'],
  ['get -n shop secret db', 'get -n shop secret db'],
  ['mount --secret create --socket /s /t', 'mount --secret create --socket /s /t'],
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

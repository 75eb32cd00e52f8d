import { expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { ADVICE, adviceFor } from '../../../src/cli/habits.ts';
import { createProgram, loadAll } from '../../../src/cli/program.ts';
import { RecordedTerminal } from '../../support/suite/recorded-terminal.ts';

const cli = {
  terminal: new RecordedTerminal(),
  environment: {},
  user: { uid: 0 },
  clock: systemClock,
  signal: new AbortController().signal,
};

test('advice names only commands that there are', async () => {
  const program = createProgram(cli, { version: '1.2.3', runDaemon: async () => {} });
  await loadAll(program);
  const named = ADVICE.flatMap(([, advice]) => [...advice.matchAll(/lantern ([a-z][\w-]*)(?: ([a-z]+)\b)?/g)]);
  expect(named.length).toBeGreaterThan(10);
  for (const [text, name, child] of named) {
    const command = program.commands.find((one) => one.name() === name);
    const below = command?.commands.map((one) => one.name()) ?? [];
    expect({ text, known: command !== undefined, below: below.length === 0 || below.includes(child ?? '') }).toEqual({
      text,
      known: true,
      below: true,
    });
  }
});

test.each([
  ['get secrets --bogus', undefined],
  ['create secret generic top --bogus', undefined],
  ['get secret job --bogus', undefined],
  ['create secret generic pod', undefined],
  ['apply --server-side', undefined],
  ['delete -f a.yaml b.yaml', undefined],
  ['delete secret a.json', undefined],
  ['apply --force-conflicts', undefined],
  ['exec -f pod.yaml -- logs --context x', undefined],
  ['exec --filename pod.yaml --bogus', undefined],
  ['config set-context prod --namespace=shop', 'there are no contexts; type: lantern config set namespace shop'],
  ['config set-context --namespace shop prod', 'there are no contexts; type: lantern config set namespace shop'],
  ['config set-context --current --namespace=A', undefined],
  ['get -A -n shop deploy', '"deploy" is not a stored kind; "lantern api-resources" lists the kinds that are'],
  ['get secrets,deploy/web', '"deploy" is not a stored kind; "lantern api-resources" lists the kinds that are'],
  ['get deploy', '"deploy" is not a stored kind; "lantern api-resources" lists the kinds that are'],
])('%s', (line, expected) => {
  expect(adviceFor(line.split(' '))).toBe(expected);
});

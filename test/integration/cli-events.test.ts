import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandLine, endOf } from '../support/suite/command-line.ts';

const PLANTED = 'pl4nted';

const OBJECTS = `
apiVersion: v1
kind: Secret
metadata: {name: mysecret}
stringData: {1badkey: ${PLANTED}, 2alsobad: ${PLANTED}, good: ${PLANTED}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
`;

const POD = `apiVersion: v1
kind: Pod
metadata: {name: dapi-test-pod}
spec:
  containers:
  - name: test-container
    image: registry.example/busybox
    envFrom: [{secretRef: {name: mysecret}}]
`;

const SKIPPED =
  'Keys [1badkey, 2alsobad] from the EnvFrom secret default/mysecret were skipped since they are considered invalid environment variable names.';

let shell: CommandLine;
let pod: string;
beforeAll(async () => {
  shell = new CommandLine();
  await shell.serve('--store', 'memory', '--node-id', 'node-1');
  await shell.output('apply', '-f', shell.file('objects.yaml', OBJECTS));
  pod = shell.file('pod.yaml', POD);
  await shell.run('env', '-f', pod);
});
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
});

/** The table's cells; three blanks lie between two columns. */
function cells(text: string): string[][] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {3,}/));
}

describe('the two bad names of "Invalid environment variables"', () => {
  test.each([['get', 'events'], ['get', 'ev'], ['events']])('%s %s', async (...words) => {
    const command = words.filter((word) => word !== undefined);
    const [headings, ...events] = cells(await shell.output(...command));
    expect(headings).toEqual(['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE']);
    expect(cells(await shell.output(...command, '--no-headers'))).toHaveLength(events.length);
    expect(events).toEqual([
      [expect.stringMatching(/^\d+s$/), 'Warning', 'InvalidEnvironmentVariableNames', 'pod/dapi-test-pod', SKIPPED],
    ]);
  });

  test('with the container, the source, count and name in the wide table, under each namespace', async () => {
    const [headings, event] = cells(await shell.output('get', 'events', '-A', '-o', 'wide'));
    expect(headings).toEqual(
      'NAMESPACE,LAST SEEN,TYPE,REASON,OBJECT,SUBOBJECT,SOURCE,MESSAGE,FIRST SEEN,COUNT,NAME'.split(','),
    );
    expect(event?.slice(4)).toEqual([
      'pod/dapi-test-pod',
      'spec.containers{test-container}',
      'lantern, node-1',
      SKIPPED,
      expect.stringMatching(/^\d+s$/),
      '1',
      expect.stringMatching(/^dapi-test-pod\.[0-9a-f]+$/),
    ]);
  });

  test('as Kubernetes has events in JSON', async () => {
    const list = JSON.parse(await shell.output('events', '-o', 'json'));
    expect(list).toMatchObject({
      kind: 'List',
      items: [
        {
          apiVersion: 'v1',
          kind: 'Event',
          metadata: { namespace: 'default' },
          involvedObject: { kind: 'Pod', namespace: 'default', name: 'dapi-test-pod' },
          type: 'Warning',
          reason: 'InvalidEnvironmentVariableNames',
          message: SKIPPED,
          count: 1,
          source: { component: 'lantern', host: 'node-1' },
        },
      ],
    });
  });

  test.each([
    ['pod/dapi-test-pod', 'Warning', 2],
    ['po/dapi-test-pod', 'warning,normal', 2],
    ['pod/dapi-test-pod', 'Normal', 0],
    ['pod/other', 'Warning', 0],
    ['cm/dapi-test-pod', 'Warning', 0],
  ])('--for %s --types %s', async (involved, types, lines) => {
    const { stdout } = await shell.run('events', '--for', involved, '--types', types);
    expect(stdout.split('\n').length - 1).toBe(lines);
  });
});

test.each([
  [['events', '-n', 'empty'], 'No events found in empty namespace.\n'],
  [['get', 'events', '-n', 'empty'], 'No events found in empty namespace.\n'],
  [['events', '-A', '--for', 'volume/no/such'], 'No events found.\n'],
])('%j says so', async (words, stderr) => {
  expect(await shell.run(...words)).toEqual({ code: 0, stdout: '', stderr });
});

test.each([
  [['events', '--for', 'web'], '--for: "web" must be KIND/NAME'],
  [['events', '--for', 'node/web'], 'use one of pod, volume, secret, configmap, serviceaccount'],
  [['events', '--types', 'Odd'], 'use Normal or Warning'],
  [['get', 'events', 'x'], 'lantern events --for KIND/NAME'],
  [['get', 'events', '-l', 'a=b'], 'remove --selector'],
])('%j is wrong usage', async (words, text) => {
  expect(await shell.run(...words)).toMatchObject({ code: 2, stderr: expect.stringContaining(text) });
});

test('--watch shows what is there, and each event once as it happens', async () => {
  const watch = shell.start('events', '-w', '-n', 'watched', '-o', 'name');
  const table = shell.start('get', 'events', '-w');
  const [names, rows] = [watch, table].map(({ stdout }) => {
    if (stdout === null) throw new Error('a stream is missing');
    return createInterface({ input: stdout })[Symbol.asyncIterator]();
  });
  expect((await rows?.next())?.value).toMatch(/^LAST SEEN/);
  expect((await rows?.next())?.value).toContain('InvalidEnvironmentVariableNames');
  await shell.run('env', '-f', pod, '-n', 'watched');
  expect((await names?.next())?.value).toMatch(/^event\/dapi-test-pod\./);
  const target = shell.target('settings');
  await shell.output('mount', '--config-map', 'settings', target);
  expect((await rows?.next())?.value).toContain(`volume/${target}`);
  expect(await Promise.all([watch, table].map((child) => endOf(child, 'SIGINT')))).toEqual([0, 0]);
  await shell.output('unmount', target);
});

test('a mount that fails is looked up by its volume, and no event holds a value', async () => {
  const target = shell.target('gone');
  expect((await shell.run('mount', '--secret', 'gone', target)).code).toBe(1);
  const text = await shell.output('events', '--for', `volume/${target}`);
  expect(text).toContain('FailedMount');
  expect(text).toContain('Secret default/gone does not exist');
  expect(await shell.output('events', '-A', '-o', 'yaml')).not.toContain(PLANTED);
});

test('a ConfigMap’s description ends with its events, a Secret’s does not', async () => {
  expect((await shell.output('describe', 'cm', 'settings')).endsWith('\n\nEvents:  <none>\n')).toBe(true);
  expect(await shell.output('describe', 'secret', 'mysecret')).not.toContain('Events');
});

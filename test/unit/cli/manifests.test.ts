import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { nameOfPod, readManifests } from '../../../src/cli/manifests.ts';
import { RecordedTerminal } from '../../support/recorded-terminal.ts';
import { TempDir } from '../../support/temp-dir.ts';

const secret = (name: string, more = '') => `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}${more}}\n`;

test('objects of all files, in order, in the namespace they name or the one given', async () => {
  using dir = new TempDir();
  writeFileSync(dir.at('a.yaml'), `${secret('a')}---\n${secret('b', ', namespace: other')}`);
  const { objects } = await readManifests(['-', dir.at('a.yaml')], undefined, new RecordedTerminal(secret('c')));
  expect(objects.map(({ draft: { metadata } }) => `${metadata.namespace}/${metadata.name}`)).toEqual([
    'default/c',
    'default/a',
    'other/b',
  ]);
});

test('every fault of every file, each with its file', async () => {
  using dir = new TempDir();
  writeFileSync(dir.at('a.yaml'), `${secret('Bad_Name')}---\n${secret('b', ', namespace: other')}`);
  writeFileSync(dir.at('b.yaml'), 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n');
  const files = [dir.at('a.yaml'), dir.at('b.yaml')];
  await expect(readManifests(files, 'team', new RecordedTerminal())).rejects.toMatchObject({
    faults: [
      { field: expect.stringMatching(/a\.yaml: document 1 .*metadata\.name/) },
      {
        field: expect.stringMatching(/b\.yaml/),
        message: expect.stringMatching(/"Deployment" .* is not kept here; known are Secret, /),
      },
    ],
  });
  writeFileSync(dir.at('a.yaml'), secret('b', ', namespace: other'));
  await expect(readManifests(files.slice(0, 1), 'team', new RecordedTerminal())).rejects.toThrow(
    'names "other", but --namespace says "team"',
  );
});

test('files without an object', async () => {
  await expect(readManifests(['-'], undefined, new RecordedTerminal('---\n# nothing\n'))).rejects.toThrow(
    'stdin: no objects found',
  );
});

test('Pods beside objects, and in a List', async () => {
  const pod = (name: string, group = '') => `{apiVersion: ${group}v1, kind: Pod, metadata: {name: ${name}}}`;
  const text = `${secret('a')}---\n${pod('p')}\n---\napiVersion: v1\nkind: List\nitems: [${pod('q')}, ${pod('r')}]\n`;
  const { objects, pods } = await readManifests(['-'], 'team', new RecordedTerminal(text));
  expect(objects.map(({ draft }) => draft.metadata.name)).toEqual(['a']);
  expect(pods.map(nameOfPod)).toEqual(['p', 'q', 'r']);
  await expect(readManifests(['-'], undefined, new RecordedTerminal(pod('p', 'other/')))).rejects.toThrow(
    '"Pod" (other/v1) is not kept here',
  );
});

test.each([
  ['{}', '(no name)'],
  ['{name: 7}', '(no name)'],
  ['null', '(no name)'],
  ['{name: "a\\e[2J"}', 'a\\x1b[2J'],
])('a Pod with the metadata %s is called %s', async (metadata, name) => {
  const text = `{apiVersion: v1, kind: Pod, metadata: ${metadata}}`;
  const { pods } = await readManifests(['-'], undefined, new RecordedTerminal(text));
  expect(pods.map(nameOfPod)).toEqual([name]);
});

import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readManifests } from '../../../../src/cli/objects/manifests.ts';
import { RecordedTerminal } from '../../../support/suite/recorded-terminal.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const secret = (name: string, more = '') => `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}${more}}\n`;

const IN_DEFAULT = { currentNamespace: 'default' };
const IN_TEAM = { namespace: 'team', currentNamespace: 'team' };

test('objects of all files, in order, in the namespace they name or the one given', async () => {
  using dir = new TempDir();
  writeFileSync(dir.at('a.yaml'), `${secret('a')}---\n${secret('b', ', namespace: other')}`);
  const { objects } = await readManifests(['-', dir.at('a.yaml')], IN_DEFAULT, new RecordedTerminal(secret('c')));
  expect(objects.map(({ draft: { metadata } }) => `${metadata.namespace}/${metadata.name}`)).toEqual([
    'default/c',
    'default/a',
    'other/b',
  ]);
});

test('the current namespace is for objects without one, and forbids no other', async () => {
  const terminal = new RecordedTerminal(`${secret('a')}---\n${secret('b', ', namespace: other')}`);
  const { objects } = await readManifests(['-'], { currentNamespace: 'shop' }, terminal);
  expect(objects.map(({ draft }) => draft.metadata.namespace)).toEqual(['shop', 'other']);
});

test('every fault of every file, each with its file', async () => {
  using dir = new TempDir();
  writeFileSync(dir.at('a.yaml'), `${secret('Bad_Name')}---\n${secret('b', ', namespace: other')}`);
  writeFileSync(dir.at('b.yaml'), 'apiVersion: v1\nkind: Secert\nmetadata: {name: d}\n');
  const files = [dir.at('a.yaml'), dir.at('b.yaml')];
  await expect(readManifests(files, IN_TEAM, new RecordedTerminal())).rejects.toMatchObject({
    faults: [
      { field: expect.stringMatching(/a\.yaml: document 1 .*metadata\.name/) },
      {
        field: expect.stringMatching(/b\.yaml: document 1 \(Secert "d"\): kind$/),
        message: 'is none that v1 has; did you mean "Secret"?',
      },
    ],
  });
  writeFileSync(dir.at('a.yaml'), secret('b', ', namespace: other'));
  await expect(readManifests(files.slice(0, 1), IN_TEAM, new RecordedTerminal())).rejects.toThrow(
    'names "other", but --namespace says "team"',
  );
});

test('files without an object', async () => {
  await expect(readManifests(['-'], IN_DEFAULT, new RecordedTerminal('---\n# nothing\n'))).rejects.toThrow(
    'stdin: no objects found',
  );
});

test('Pods beside objects, and in a List', async () => {
  const pod = (name: string, group = '') => `{apiVersion: ${group}v1, kind: Pod, metadata: {name: ${name}}}`;
  const text = `${secret('a')}---\n${pod('p')}\n---\napiVersion: v1\nkind: List\nitems: [${pod('q')}, ${pod('r')}]\n`;
  const { objects, pods } = await readManifests(['-'], IN_TEAM, new RecordedTerminal(text));
  expect(objects.map(({ draft }) => draft.metadata.name)).toEqual(['a']);
  expect(pods.map(({ name }) => name)).toEqual(['p', 'q', 'r']);
  await expect(readManifests(['-'], IN_DEFAULT, new RecordedTerminal(pod('p', 'other/')))).rejects.toThrow(
    'stdin: no objects found; skipped, as these kinds are not stored: Pod "p"',
  );
});

test.each([
  ['apps/v1', 'Deployment'],
  ['example.com/v1', 'Secret'],
  ['v1', 'Service'],
  ['v1', 'PersistentVolumeClaim'],
])('%s %s is left out, and said', async (apiVersion, kind) => {
  const terminal = new RecordedTerminal(
    `${secret('a')}---\n{apiVersion: ${apiVersion}, kind: ${kind}, metadata: {name: w}}`,
  );
  const { objects, pods } = await readManifests(['-'], IN_DEFAULT, terminal);
  expect([objects.length, pods.length]).toEqual([1, 0]);
  expect(terminal.complaints).toEqual([`lantern: skipped, as these kinds are not stored: ${kind} "w"`]);
});

test.each([
  ['v1', 'Deployment', 'kind', 'is none that v1 has; kinds of other groups have the group in their apiVersion'],
  ['v1', 'ConfigMpa', 'kind', 'is none that v1 has; did you mean "ConfigMap"?'],
  ['v1', 'service', 'kind', 'is none that v1 has; did you mean "Service"?'],
  ['v2', 'Service', 'apiVersion', 'must be v1'],
  ['lantern.dev/v1', 'ProjectedVolum', 'kind', 'is none that lantern.dev/v1 has; did you mean "ProjectedVolume"?'],
  ['lantern.dev/v2', 'Other', 'apiVersion', 'must be lantern.dev/v1'],
])('%s %s is refused', async (apiVersion, kind, field, message) => {
  const text = `${secret('a')}---\n{apiVersion: ${apiVersion}, kind: ${kind}}`;
  await expect(readManifests(['-'], IN_DEFAULT, new RecordedTerminal(text))).rejects.toMatchObject({
    faults: [{ field: expect.stringMatching(`^stdin: document 2.*: ${field}$`), message }],
  });
});

test.each([
  ['{}', '(no name)'],
  ['{name: 7}', '(no name)'],
  ['null', '(no name)'],
  ['{name: "a\\e[2J"}', 'a\\x1b[2J'],
])('a Pod with the metadata %s is called %s', async (metadata, name) => {
  const text = `{apiVersion: v1, kind: Pod, metadata: ${metadata}}`;
  const { pods } = await readManifests(['-'], IN_DEFAULT, new RecordedTerminal(text));
  expect(pods.map(({ name }) => name)).toEqual([name]);
});

import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readManifests } from '../../../src/cli/manifests.ts';
import { RecordedTerminal } from '../../support/recorded-terminal.ts';
import { TempDir } from '../../support/temp-dir.ts';

const secret = (name: string, more = '') => `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}${more}}\n`;

test('objects of all files, in order, in the namespace they name or the one given', async () => {
  using dir = new TempDir();
  writeFileSync(dir.at('a.yaml'), `${secret('a')}---\n${secret('b', ', namespace: other')}`);
  const drafts = await readManifests(['-', dir.at('a.yaml')], undefined, new RecordedTerminal(secret('c')));
  expect(drafts.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)).toEqual([
    'default/c',
    'default/a',
    'other/b',
  ]);
});

test('every fault of every file, each with its file', async () => {
  using dir = new TempDir();
  writeFileSync(dir.at('a.yaml'), `${secret('Bad_Name')}---\n${secret('b', ', namespace: other')}`);
  writeFileSync(dir.at('b.yaml'), 'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n');
  const files = [dir.at('a.yaml'), dir.at('b.yaml')];
  await expect(readManifests(files, 'team', new RecordedTerminal())).rejects.toMatchObject({
    faults: [
      { field: expect.stringMatching(/a\.yaml: document 1 .*metadata\.name/) },
      {
        field: expect.stringMatching(/b\.yaml/),
        message: expect.stringMatching(/"Pod" .* is not kept here; known are Secret, /),
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

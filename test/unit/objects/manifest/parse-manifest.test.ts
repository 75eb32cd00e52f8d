import { describe, expect, it } from 'vitest';
import { orThrow } from '../../../../src/base/parsed.ts';
import { type ManifestDocument, parseManifest } from '../../../../src/objects/manifest/parse-manifest.ts';
import { describeRef, refOf } from '../../../../src/objects/object.ts';
import { faultLines } from '../../../support/suite/expectations.ts';

const parse = (text: string) => parseManifest(text, { defaultNamespace: 'team-a' });

const subjectOf = (document: ManifestDocument) =>
  document.kind === 'object' ? describeRef(refOf(document.draft)) : `${document.apiVersion} ${document.objectKind}`;

const secret = (name: string) => `{apiVersion: v1, kind: Secret, metadata: {name: ${name}}}`;
const item = (name: string) => `{metadata: {name: ${name}}}`;

describe('a manifest', () => {
  it.each([
    ['', []],
    ['---\n# nothing\n---\n', []],
    [`${secret('a')}\n---\n---\n${secret('b')}\n`, ['Secret team-a/a', 'Secret team-a/b']],
    [
      `{apiVersion: v1, kind: List, items: [${secret('a')}, {apiVersion: v1, kind: Pod}]}`,
      ['Secret team-a/a', 'v1 Pod'],
    ],
    [`{apiVersion: v1, kind: SecretList, items: [${item('a')}, ${item('b')}]}`, ['Secret team-a/a', 'Secret team-a/b']],
    [`{kind: List, items: [{kind: List, items: [${secret('a')}]}]}`, ['Secret team-a/a']],
    ['{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "x"}}', ['ConfigMap x/c']],
    ['{apiVersion: example.com/v1, kind: Secret}', ['example.com/v1 Secret']],
    ['{apiVersion: v1, kind: PodList}', ['v1 PodList']],
    [
      '{apiVersion: lantern.dev/v1, kind: ProjectedVolume, metadata: {name: p}, spec: {}}',
      ['ProjectedVolume team-a/p'],
    ],
  ])('%j holds %j', (text, subjects) => {
    expect(orThrow(parse(text)).map(subjectOf)).toEqual(subjects);
  });

  it('hands on what is of another kind as it was written', () => {
    const raw = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { hostPID: true } };
    expect(orThrow(parse(JSON.stringify(raw)))).toEqual([{ kind: 'other', apiVersion: 'v1', objectKind: 'Pod', raw }]);
  });
});

describe('faults', () => {
  it('say in which document they are', () => {
    const text = [
      secret('fine'),
      '{apiVersion: v1, kind: Secret, metadata: {name: db}, data: {x: "!"}}',
      '{apiVersion: v1, kind: Secret, metadata: {name: "Not A Name"}, type: 1}',
      `{apiVersion: v1, kind: List, items: [${secret('fine')}, {apiVersion: v2, kind: ConfigMap, metadata: {name: c}}, null]}`,
      '5',
      '{metadata: {name: x}}',
      '{apiVersion: lantern.dev/v2, kind: ProjectedVolume, metadata: {name: p}, spec: {}}',
    ].join('\n---\n');
    expect(faultLines(parse(text)).map((line) => line.replace(/; .*|: lower.*/, ''))).toEqual([
      'document 2 (Secret "db"): data[x]: plain text belongs into stringData',
      'document 3 (Secret): metadata.name: must be a DNS-1123 subdomain',
      'document 3 (Secret): type: must be a string, not a number',
      'document 4, items[1] (ConfigMap "c"): apiVersion: must be "v1"',
      'document 4, items[2]: must be a mapping, not null',
      'document 5: must be a mapping, not a number',
      'document 6: apiVersion: is required',
      'document 6: kind: is required',
      'document 7 (ProjectedVolume "p"): apiVersion: must be "lantern.dev/v1"',
    ]);
  });

  it('of the text itself name line and column', () => {
    expect(faultLines(parse('a: 1\na: 2'))).toEqual([': line 2, column 1: this key is in the mapping already']);
  });
});

import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { volumeRequest } from '../../../../src/cli/pods/volume-request.ts';
import { RecordedTerminal } from '../../../support/suite/recorded-terminal.ts';
import { TempDir } from '../../../support/suite/temp-dir.ts';

const POD =
  'apiVersion: v1\nkind: Pod\nmetadata: {name: app, namespace: team}\nspec: {containers: [{name: c, image: i}]}\n';

const currentNamespace = 'shop';

describe('what a volume holds', () => {
  test.each([
    [{ secret: 's' }, { source: { secret: { secretName: 's' } } }],
    [{ configMap: 'c' }, { source: { configMap: { name: 'c' } } }],
    [{ projectedVolume: 'p' }, { projectedVolume: 'p' }],
  ])('%j', async (options, definition) => {
    const request = await volumeRequest({ ...options, currentNamespace }, new RecordedTerminal());
    expect(request).toEqual({ namespace: 'shop', definition, data: {} });
  });
});

test('data comes from files and stdin, byte by byte', async () => {
  using dir = new TempDir();
  writeFileSync(dir.at('binary'), Buffer.from([0, 255, 10]));
  const options = {
    currentNamespace,
    secret: 's',
    dataFile: [`a=${dir.at('binary')}`, 'b=-', `__proto__=${dir.at('binary')}`],
  };
  const { data } = await volumeRequest(options, new RecordedTerminal('typed'));
  expect(Object.entries(data).map(([key, bytes]) => [key, Buffer.from(bytes).toString('latin1')])).toEqual([
    ['a', '\0\xff\n'],
    ['b', 'typed'],
    ['__proto__', '\0\xff\n'],
  ]);
});

test("the namespace is the option's, else the pod's, else the current one", async () => {
  using dir = new TempDir();
  writeFileSync(dir.at('pod.yaml'), POD);
  const options = { currentNamespace, secret: 's', podFile: dir.at('pod.yaml'), mountGroup: 0 };
  expect(await volumeRequest(options, new RecordedTerminal())).toMatchObject({
    namespace: 'team',
    mountGroup: 0,
    pod: { name: 'app' },
  });
  expect(await volumeRequest({ ...options, namespace: 'n' }, new RecordedTerminal())).toMatchObject({ namespace: 'n' });
});

describe('faults name file and field, and show no contents', () => {
  const planted = 'pl4nted';
  test.each<[string, RegExp]>([
    ['secret: {secretName: s, defaultMode: 1000}', /^stdin: secret\.defaultMode: must be a number between 0 and 0777/],
    ['secert: {secretName: s}', /^stdin: secert: .*secret/],
    [`name: v\nsecret: {secretName: s, items: [{key: k, path: ../${planted}}]}`, /^stdin: secret\.items\[0\]\.path: /],
    [`apiVersion: v1\nkind: Secret\nstringData: {a: ${planted}}`, /^stdin: must be a volume source .*, not a manifest/],
    [`a: b: ${planted}`, /^stdin: line 1/],
    ['', /^stdin: is empty/],
    ['---\n---\n', /^stdin: is empty/],
    ['secret: {secretName: a}\n---\nsecret: {secretName: b}\n', /^stdin: must be one document, not 2/],
    [planted, /^stdin: /],
  ])('%j', async (text, expected) => {
    const error = await volumeRequest({ currentNamespace, filename: '-' }, new RecordedTerminal(text)).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'invalid-argument', message: expect.stringMatching(expected) });
    expect(String(error)).not.toContain(planted);
  });
});

import { describe, expect, test } from 'vitest';
import { parseUseId, parseVolumeName, parseVolumeOptions } from '../../../../src/rpc/docker/volume-options.ts';

const ALL = 'spec, secretName, configMapName, projectedVolume, items, defaultMode, user, group, optional, namespace';

function faults(options: Readonly<Record<string, string>>, namespaces: readonly string[] = []): string[] {
  const result = parseVolumeOptions(new Map(Object.entries(options)), namespaces);
  return result.ok ? [] : result.faults.map(({ field, message }) => `${field}: ${message}`);
}

describe('options', () => {
  test.each<[string, Record<string, string>]>([
    ['a Secret', { secretName: 'db' }],
    [
      'a Secret for one user',
      { secretName: 'db', defaultMode: '0440', user: '1000', group: '1000', namespace: 'shop' },
    ],
    ['an item of a ConfigMap', { configMapName: 'app', items: '[{key: a, path: b}]', optional: 'true' }],
    ['a ProjectedVolume', { projectedVolume: 'web' }],
    ['a spec', { spec: '{projected: {sources: [{secret: {name: a}}, {configMap: {name: b}}]}}' }],
  ])('define %s', (_name, options) => {
    expect(faults(options)).toEqual([]);
  });

  test.each<[string, Record<string, string>, readonly string[]]>([
    ['none', {}, ['options: must have one of spec, secretName, configMapName, projectedVolume']],
    [
      'several faults at once',
      { secretNam: 'db', configMapName: 'A_', user: 'root', namespace: '-' },
      [
        `options[secretNam]: is not an option of this driver; did you mean "secretName"? the options are ${ALL}`,
        'options[user]: must be a numeric id like 1000',
        expect.stringMatching(/^options\[configMapName\]: /) as unknown as string,
        expect.stringMatching(/^options\[namespace\]: /) as unknown as string,
      ],
    ],
    [
      'an option of another driver',
      { secretName: 'db', type: 'tmpfs' },
      [`options[type]: is not an option of this driver; the options are ${ALL}`],
    ],
    [
      'a subPath, which is for one file',
      { secretName: 'db', subPath: 'password' },
      [`options[subPath]: is not an option of this driver; the options are ${ALL}`],
    ],
    [
      'more than 4 KiB',
      { secretName: 'db', spec: 'x'.repeat(4_096) },
      ['options: hold 4112 bytes, at most 4096 are allowed; apply a ProjectedVolume and name it in "projectedVolume"'],
    ],
  ])('%s are refused', (_name, options, expected) => {
    expect(faults(options)).toEqual(expected);
  });

  test('may name the namespaces that are open to Docker', () => {
    expect(faults({ secretName: 'db', namespace: 'shop' }, ['dev', 'shop'])).toEqual([]);
    for (const [options, namespace] of [
      [{ secretName: 'db' }, 'default'],
      [{ secretName: 'db', namespace: 'prod' }, 'prod'],
    ] as const) {
      const message = `"${namespace}" is not open to Docker; --docker-namespaces allows dev, shop`;
      expect(faults(options, ['dev', 'shop'])).toEqual([`options[namespace]: ${message}`]);
    }
  });
});

describe('names', () => {
  test.each(['db', 'DB_1.x-y', '0'.repeat(64), 'a'.repeat(121)])('%s', (name) => {
    expect(parseVolumeName(name, 'Name')).toEqual({ ok: true, value: name });
  });

  test.each(['', '.', '..', '.a', '-a', '_a', 'a/b', '../a', 'a\0', 'a\n', 'ä', 'a b', 'a'.repeat(122)])(
    '%j is refused',
    (name) => {
      expect(parseVolumeName(name, 'Name').ok).toBe(false);
    },
  );

  test.each(['', 'a/b', 'a b', 'a'.repeat(129)])('a use %j is refused', (id) => {
    expect(parseUseId(id, 'ID').ok).toBe(false);
  });
});

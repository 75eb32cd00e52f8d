import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { manifestFiles, readBytes, readText } from '../../../src/cli/input-files.ts';
import { RecordedTerminal } from '../../support/suite/recorded-terminal.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';

test('a directory stands for its manifests, by name; a file and stdin for themselves', async () => {
  using dir = new TempDir();
  for (const name of ['b.yaml', 'a.yml', 'c.json', 'readme.md', 'd.yaml~']) writeFileSync(dir.at(name), name);
  mkdirSync(dir.at('below.yaml'));
  writeFileSync(dir.at('below.yaml', 'e.yaml'), '');
  symlinkSync('b.yaml', dir.at('z.yaml'));
  const names = async (paths: readonly string[], recursive: boolean) =>
    (await manifestFiles(paths, recursive)).map((path) => path.replace(`${dir.path}/`, ''));
  expect(await names([dir.path], false)).toEqual(['a.yml', 'b.yaml', 'c.json', 'z.yaml']);
  expect(await names([dir.path], true)).toEqual(['a.yml', 'b.yaml', 'below.yaml/e.yaml', 'c.json', 'z.yaml']);
  expect(await names(['-', dir.at('readme.md')], false)).toEqual(['-', 'readme.md']);
});

test('a directory without manifests is an error, since somebody expected some', async () => {
  using dir = new TempDir();
  mkdirSync(dir.at('below'));
  writeFileSync(dir.at('below', 'a.yaml'), '');
  await expect(manifestFiles([dir.path], false)).rejects.toThrow(
    `directory "${dir.path}": has no .yaml, .yml or .json files; -R also reads directories below it`,
  );
  expect(await manifestFiles([dir.path], true)).toEqual([dir.at('below', 'a.yaml')]);
});

test('stdin is read for a dash', async () => {
  expect(await readText('-', new RecordedTerminal('from stdin'))).toBe('from stdin');
});

test('what cannot be read is named', async () => {
  await expect(manifestFiles(['/no/such/file'], false)).rejects.toThrow(
    'read "/no/such/file": no such file or directory (ENOENT)',
  );
  await expect(readText('/no/such/file', new RecordedTerminal())).rejects.toThrow(
    'read "/no/such/file": no such file or directory (ENOENT)',
  );
});

test('a device without an end is read to a limit', async () => {
  await expect(readBytes('/dev/zero', new RecordedTerminal())).rejects.toThrow(
    'read "/dev/zero": it is longer than 64 MiB; split it',
  );
});

test('a file that is not UTF-8 is refused with the place, and without its bytes', async () => {
  using dir = new TempDir();
  writeFileSync(dir.at('latin1.yaml'), Buffer.from('a: b\npassword: p\xe4ssword\n', 'latin1'));
  await expect(readText(dir.at('latin1.yaml'), new RecordedTerminal())).rejects.toThrow(
    `${dir.at('latin1.yaml')}: line 2, column 12: is not UTF-8; save the file as UTF-8`,
  );
});

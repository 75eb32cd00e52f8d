import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTemporaryFile, openUnnamed, writePrivateFile } from '../../../src/base/files.ts';
import { rejectionOf } from '../../support/suite/expectations.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';

let directory: TempDir;
let path: string;
beforeEach(() => {
  directory = new TempDir('/dev/shm');
  path = directory.at('file');
});
afterEach(() => directory[Symbol.dispose]());

describe.each([
  ['has files without a name', openUnnamed],
  ['has none', async () => undefined],
])('where the file system %s', (_, openUnnamed) => {
  const write = (text: string, replace = false, before: () => void = () => {}) =>
    writePrivateFile(path, { replace, openUnnamed }, async (file) => {
      await file.writeFile(text);
      before();
    });

  test('a new file is for nobody else, and nothing lies beside it', async () => {
    await write('x', false, () => expect(readdirSync(directory.path).includes('file')).toBe(false));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toBe('x');
    expect(readdirSync(directory.path)).toEqual(['file']);
  });

  test('what exists stays unless it shall be replaced: at first, and when it comes while the file is written', async () => {
    writeFileSync(path, 'old');
    expect((await rejectionOf(write('new'))).code).toBe('already-exists');
    expect(readFileSync(path, 'utf8')).toBe('old');
    await write('new', true);
    expect(readFileSync(path, 'utf8')).toBe('new');
    path = directory.at('late');
    expect((await rejectionOf(write('new', false, () => writeFileSync(path, 'late')))).code).toBe('already-exists');
    expect(readFileSync(path, 'utf8')).toBe('late');
    expect(readdirSync(directory.path).sort()).toEqual(['file', 'late']);
  });

  test('a link is no file to write through', async () => {
    writeFileSync(directory.at('precious'), 'precious');
    symlinkSync('precious', path);
    expect((await rejectionOf(write('x'))).code).toBe('already-exists');
    expect(readlinkSync(path)).toBe('precious');
    await write('x', true);
    expect(readFileSync(directory.at('precious'), 'utf8')).toBe('precious');
  });

  test('a device or a pipe, or a link to one, is not replaced, as /dev/null and /dev/stdout would be', async () => {
    const pipe = directory.at('pipe');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    symlinkSync('pipe', directory.at('link'));
    symlinkSync('/dev/null', directory.at('null'));
    for (const name of ['pipe', 'link', 'null']) {
      path = directory.at(name);
      let isBegun = false;
      const error = await rejectionOf(write('x', true, () => (isBegun = true)));
      expect(error).toMatchObject({ code: 'failed-precondition', message: expect.stringContaining(`"${path}"`) });
      expect(isBegun).toBe(false);
    }
    expect(statSync(pipe).isFIFO()).toBe(true);
    expect(readlinkSync(directory.at('null'))).toBe('/dev/null');
    expect(readdirSync(directory.path).sort()).toEqual(['link', 'null', 'pipe']);
  });

  test('a failure leaves the old file and nothing beside it', async () => {
    writeFileSync(path, 'old');
    const fail = () => {
      throw new Error('no');
    };
    await expect(write('half', true, fail)).rejects.toThrow('no');
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(directory.path)).toEqual(['file']);
  });
});

test('a nameless file can be written and read, and is for nobody else', async () => {
  const file = await openTemporaryFile(directory.path);
  await file.writeFile('x');
  expect((await file.stat()).mode & 0o777).toBe(0o600);
  expect((await file.stat()).nlink).toBe(0);
  expect(readdirSync(directory.path)).toEqual([]);
  await file.close();
});

import { expect, test } from 'vitest';
import { replaceFile } from '../../../src/volume/file-system.ts';
import { createMemoryFileSystem } from '../../../src/volume/memory-file-system.ts';
import type { RequestInputs } from '../../../src/volume/record.ts';
import { VolumeHome } from '../../../src/volume/volume-home.ts';
import { Crash, CrashingFileSystem } from '../../support/volume/crashing-file-system.ts';
import { recordOf, volumeId } from '../../support/volume/volume-content.ts';

const RECORD = recordOf(volumeId('v'), [{ target: '/one' }]);
const CHANGED = recordOf(volumeId('v'), [{ target: '/one' }, { target: '/two' }]);
const INPUTS: RequestInputs = { data: new Map([['key', new Uint8Array([1, 2])]]), tokens: new Map() };

function scene(dieAfter = Number.POSITIVE_INFINITY, memory = createMemoryFileSystem()) {
  const counting = new CrashingFileSystem(memory, { dieAfter });
  return { memory, counting, home: new VolumeHome({ fs: counting.fs, directory: '/home' }) };
}

const names = (memory: ReturnType<typeof createMemoryFileSystem>) =>
  memory
    .readdir('/home')
    .map(({ name }) => name)
    .sort();

test('a home is closed to others, its data directory open, and making it twice changes nothing', () => {
  const { memory, home } = scene();
  home.create();
  home.saveRecord(RECORD);
  home.create();
  expect(memory.lstat('/home')?.mode).toBe(0o700);
  expect(memory.lstat(home.dataDirectory)).toMatchObject({ type: 'directory', mode: 0o755 });
  expect(names(memory)).toEqual(['data', 'record.json']);
});

test('record and inputs come back in a new process, from files of 0600', () => {
  const { memory, home } = scene();
  home.create();
  home.saveRecord(RECORD);
  home.saveInputs(INPUTS);
  const { home: again } = scene(undefined, memory);
  expect(again.loadRecord()).toEqual({ ok: true, value: RECORD });
  expect(again.loadInputs()).toEqual(INPUTS);
  for (const file of ['record.json', 'inputs.json']) expect(memory.lstat(`/home/${file}`)?.mode).toBe(0o600);
});

test('what is saved already costs no file system call', () => {
  const { counting, home } = scene();
  home.create();
  home.saveInputs(undefined);
  expect(counting.calls).toEqual(['mkdir', 'mkdir']);
  home.saveRecord(RECORD);
  home.saveInputs(INPUTS);
  const { length } = counting.calls;
  home.saveRecord(recordOf(volumeId('v'), [{ target: '/one' }]));
  home.saveInputs(INPUTS);
  expect(counting.calls).toHaveLength(length);
  home.saveInputs(undefined);
  home.saveInputs(undefined);
  expect(counting.calls.slice(length)).toEqual(['unlink']);
  expect(home.loadInputs()).toBeUndefined();
});

test('a crash at any call of the first save leaves no record that can be read, or the whole one', () => {
  for (let dieAfter = 0, isDone = false; !isDone; dieAfter++) {
    const { memory, home } = scene(2 + dieAfter);
    home.create();
    try {
      home.saveRecord(RECORD);
      isDone = true;
    } catch (error) {
      expect(error).toBeInstanceOf(Crash);
    }
    const after = scene(undefined, memory).home;
    const found = after.loadRecord();
    if (found.ok) expect(found.value).toEqual(RECORD);
    else expect(isDone).toBe(false);
    after.saveRecord(CHANGED);
    expect(after.loadRecord()).toEqual({ ok: true, value: CHANGED });
    expect(names(memory)).toEqual(['data', 'record.json']);
  }
});

test('a first file that a crash cut off anywhere is read as none, and is no obstacle to the next save', () => {
  const { memory, home } = scene();
  home.create();
  home.saveRecord(RECORD);
  home.saveInputs(INPUTS);
  const [record, inputs] = ['record.json', 'inputs.json'].map((name) => memory.readFile(`/home/${name}`));
  if (record === undefined || inputs === undefined) throw new Error('nothing was saved');
  const loaded = (length: number) => {
    replaceFile(memory, '/home/record.json', record.subarray(0, length));
    replaceFile(memory, '/home/inputs.json', inputs.subarray(0, length));
    const { home: again } = scene(undefined, memory);
    return { record: again.loadRecord().ok, inputs: again.loadInputs() };
  };
  for (let length = 0; length < record.byteLength; length++) {
    expect(loaded(length)).toEqual({ record: false, inputs: length < inputs.byteLength ? undefined : INPUTS });
  }
  const { home: next } = scene(undefined, memory);
  next.saveRecord(CHANGED);
  expect(next.loadRecord()).toEqual({ ok: true, value: CHANGED });
});

test('a crash at any call of a save leaves the old record or the new one, and is no obstacle to the next', () => {
  for (let dieAfter = 0, isDone = false; !isDone; dieAfter++) {
    const { memory, home } = scene();
    home.create();
    home.saveRecord(RECORD);
    const dying = scene(dieAfter, memory);
    try {
      dying.home.saveRecord(CHANGED);
      isDone = true;
    } catch (error) {
      expect(error).toBeInstanceOf(Crash);
    }
    const after = scene(undefined, memory).home;
    expect([RECORD, CHANGED].map((value) => ({ ok: true, value }))).toContainEqual(after.loadRecord());
    after.saveRecord(CHANGED);
    expect(after.loadRecord()).toEqual({ ok: true, value: CHANGED });
    expect(names(memory)).toEqual(['data', 'record.json']);
  }
});

test('a failed save is not taken for done', () => {
  const { memory, home } = scene();
  home.create();
  home.saveRecord(RECORD);
  const failing = new CrashingFileSystem(memory, { fail: { call: 'rename', errno: 'ENOSPC' } });
  const again = new VolumeHome({ fs: failing.fs, directory: '/home' });
  expect(() => again.saveRecord(CHANGED)).toThrow('ENOSPC');
  again.saveRecord(CHANGED);
  expect(again.loadRecord()).toEqual({ ok: true, value: CHANGED });
});

test('invariant 6: a missing or damaged record is a problem in words, damaged inputs are none', () => {
  const { memory, home } = scene();
  home.create();
  expect(home.loadRecord()).toEqual({ ok: false, problem: 'there is no record' });
  for (const name of ['record.json', 'inputs.json']) {
    const fd = memory.create(`/home/${name}`, 0o600);
    memory.write(fd, Buffer.from('{"PLANTED'));
    memory.close(fd);
  }
  expect(home.loadRecord()).toEqual({ ok: false, problem: 'it is not JSON' });
  expect(home.loadInputs()).toBeUndefined();
  memory.unlink('/home/record.json');
  memory.symlink('/etc/passwd', '/home/record.json');
  expect(home.loadRecord()).toEqual({
    ok: false,
    problem: 'it cannot be read: a symbolic link is in the way (ELOOP); name the real path',
  });
});

test('removal takes all of it, the record first, and may be cut short and repeated', () => {
  for (let dieAfter = 0, isDone = false; !isDone; dieAfter++) {
    const { memory, home } = scene();
    home.create();
    home.saveRecord(RECORD);
    home.saveInputs(INPUTS);
    memory.mkdir(`${home.dataDirectory}/directory`, 0o755);
    memory.symlink('nowhere', `${home.dataDirectory}/link`);
    try {
      scene(dieAfter, memory).home.remove();
      isDone = true;
    } catch (error) {
      expect(error).toBeInstanceOf(Crash);
      if (dieAfter > 0) expect(home.loadRecord().ok).toBe(false);
    }
    home.remove();
    home.remove();
    expect(memory.lstat('/home')).toBeUndefined();
  }
});

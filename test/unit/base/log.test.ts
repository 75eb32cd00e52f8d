import { describe, expect, it } from 'vitest';
import { LanternError } from '../../../src/base/errors.ts';
import { createLog, type LogFormat } from '../../../src/base/log.ts';

function logInto(format: LogFormat) {
  const lines: string[] = [];
  return { log: createLog('trace', format, { write: (line) => void lines.push(line) }), lines };
}

const SECRET = 'hunter2-s3cr3t';

describe.each<LogFormat>(['json', 'text'])('a log in %s', (format) => {
  it.each([
    { data: { password: SECRET } },
    { request: { secrets: { a: SECRET } } },
    { request: { pod: { token: SECRET } } },
    { object: { stringData: SECRET, binaryData: SECRET } },
    { file: { contents: SECRET, bytes: SECRET } },
    { err: new Error('parse it', { cause: new Error(SECRET) }) },
    { error: new LanternError('internal', 'parse it', { cause: new Error(SECRET) }) },
    { err: Object.assign(new Error('parse it'), { source: SECRET }) },
  ])('keeps the secret of %j to itself', (fields) => {
    const { log, lines } = logInto(format);
    log.error(fields, 'it failed');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('it failed');
    expect(lines.join()).not.toContain(SECRET);
  });

  it('says code and message of an error', () => {
    const { log, lines } = logInto(format);
    log.warn({ err: new LanternError('unavailable', 'reach the store: refused') }, 'retrying');
    expect(lines[0]).toContain('unavailable');
    expect(lines[0]).toContain('reach the store: refused');
  });
});

it('writes one readable line per entry', () => {
  const { log, lines } = logInto('text');
  log.info({ volume: 'v1', files: 3, target: '/a b' }, 'mounted');
  expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}mounted volume=v1 files=3 target="\/a b"\n$/);
});

it('drops what is below its level', () => {
  const lines: string[] = [];
  const log = createLog('warn', 'json', { write: (line) => void lines.push(line) });
  log.info('quiet');
  log.warn('loud');
  expect(lines).toHaveLength(1);
});

it('has priorities for the journal in place of time and level', () => {
  const lines: string[] = [];
  const log = createLog('trace', 'text', { write: (line) => void lines.push(line) }, true);
  log.error('a');
  log.warn({ unit: 'b' }, 'b');
  log.info('c');
  log.trace('d');
  expect(lines).toEqual(['<3>a\n', '<4>b unit=b\n', '<6>c\n', '<7>d\n']);
});

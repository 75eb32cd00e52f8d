import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { hasSystemdAnalyze } from '../../scripts/prerequisites.mjs';
import { TOP } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const UNIT = `${TOP}/deploy/systemd/lantern.service`;
/** In tenths. What is left is root that mounts, in the host's mount table; the unit's comments say why. */
const MAX_EXPOSURE = 46;

function analyze(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  return { status, stderr, stdout };
}

describe.runIf(hasSystemdAnalyze())('lantern.service (needs systemd-analyze)', () => {
  test('is understood by systemd as a whole', () => {
    using directory = new TempDir();
    // The program need not be installed here.
    const unit = readFileSync(UNIT, 'utf8').replace(/^ExecStart=lantern /m, `ExecStart=${process.execPath} `);
    writeFileSync(directory.at('lantern.service'), unit);
    expect(analyze('verify', '--man=no', directory.at('lantern.service'))).toMatchObject({ status: 0, stderr: '' });
  });

  test(`exposes at most ${MAX_EXPOSURE / 10} of 10`, () => {
    const { status, stdout } = analyze('security', '--offline=yes', `--threshold=${MAX_EXPOSURE}`, UNIT);
    expect(status, stdout).toBe(0);
  });
});

test('lantern.service gives the daemon no mount table of its own', () => {
  const options = [...readFileSync(UNIT, 'utf8').matchAll(/^([A-Za-z]+)=/gm)].map(([, name = '']) => name);
  const harmless = ['ProtectClock', 'ProtectHostname'];
  expect(options.filter((name) => /^(?:Protect|Private|.*Paths$|Root|Bind|Temporary)/.test(name))).toEqual(harmless);
});

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CommandLine } from '../support/suite/command-line.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

test("version: our own and the daemon's, and where there is none our own and why", async () => {
  await using shell = new CommandLine();
  const own = `Client Version: ${version}\n`;
  const alone = await shell.run('version');
  expect(alone).toMatchObject({ code: 1, stdout: own });
  expect(alone.stderr).toMatch(/^lantern: cannot reach the daemon at .*; start it with "lantern serve"/);
  expect(await shell.run('version', '--client')).toEqual({ code: 0, stdout: own, stderr: '' });
  await shell.serve();
  expect(await shell.output('version')).toBe(`${own}Server Version: ${version}\n`);
  expect(JSON.parse(await shell.output('version', '-o', 'json'))).toEqual({
    clientVersion: { version },
    serverVersion: { version },
  });
});

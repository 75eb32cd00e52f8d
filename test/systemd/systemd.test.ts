import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { stepsOf } from '../../scripts/conformance/console-blocks.mjs';
import { canBootSystemd } from '../../scripts/prerequisites.mjs';
import { TOP } from '../support/suite/compiled.ts';
import { BootedSystemd } from '../support/systemd/booted-systemd.ts';

const PAGE = 'docs/systemd.md';
/** It takes a package from a registry, which this checkout stands for. */
const INSTALL = 'npm install -g lantern';
const SOCKET = '/run/lantern/credentials.sock';
/** As long together as the page says. */
const LONG_UNIT = `${'u'.repeat(52)}.service`;
const LONG_CREDENTIAL = 'c'.repeat(20);
/** Exit status of a unit whose credentials could not be set up. */
const NO_CREDENTIALS = '243';

describe.runIf(canBootSystemd())('systemd (needs root and systemd)', () => {
  let systemd: BootedSystemd;

  /** Output of the journal comes a moment later. */
  async function follow(command: string, output: readonly string[]): Promise<void> {
    if (command === INSTALL) return;
    const look = async () => expect(squeezed(await systemd.shell(command)), command).toMatch(patternOf(output));
    await (command.startsWith('journalctl') ? vi.waitFor(look) : look());
  }

  const daemon = async () => await systemd.show('lantern', 'ActiveState', 'SubState', 'MainPID', 'NRestarts', 'Result');
  const secret = async (name: string, value: string) =>
    await systemd.shell(
      `printf %s ${value} > /tmp/v; lantern create secret generic ${name} --from-file=key=/tmp/v --dry-run -o yaml | lantern apply -f - >&2; rm /tmp/v`,
    );
  const units = async (name: string, spec: object) => {
    const object = { apiVersion: 'lantern.dev/v1', kind: 'UnitCredentials', metadata: { name }, spec };
    systemd.writeFile('/tmp/units.yaml', JSON.stringify(object));
    await systemd.shell('lantern apply -f /tmp/units.yaml');
  };
  /** Runs the script as a unit with this credential; what it prints. */
  const asUnit = async (unit: string, credential: string, script: string, ...flags: readonly string[]) => {
    systemd.writeFile('/tmp/script', script);
    const properties = [`LoadCredential=${credential}:${SOCKET}`, ...flags]
      .map((flag) => `--property=${flag}`)
      .join(' ');
    const output = `/run/output-${unit}`;
    systemd.writeFile(output, '');
    await systemd.shell(
      `systemd-run --quiet --wait --collect --unit=${unit} --property=StandardOutput=file:${output} ${properties} sh /tmp/script`,
    );
    return await systemd.shell(`cat ${output}`);
  };

  beforeAll(async () => {
    systemd = await BootedSystemd.boot();
    const steps = stepsOf(readFileSync(join(TOP, PAGE), 'utf8'));
    for (const { command, output } of steps) await follow(command, output);
  });

  afterAll(async () => {
    await systemd?.[Symbol.asyncDispose]();
  });

  test(`the commands of ${PAGE} print what stands there, and its daemon runs with the sealed key`, async () => {
    expect(await daemon()).toMatchObject({
      ActiveState: 'active',
      SubState: 'running',
      NRestarts: '0',
      Result: 'success',
    });
    const { MainPID } = await daemon();
    expect(await systemd.shell(`cat /proc/${MainPID}/cmdline`)).toContain('/run/credentials/lantern.service/key');
    expect(await systemd.shell('ls /var/lib/lantern')).not.toMatch(/^key$/m);
    expect(await systemd.shell('lantern doctor')).not.toMatch(/^(?:problem|warning)/m);
    expect(await systemd.shell('stat -c %a /run/lantern /var/lib/lantern /etc/lantern')).toBe('700\n700\n700\n');
  });

  test('the daemon has the rights it needs, and mounts in the table of the system', async () => {
    const { MainPID } = await daemon();
    const status = await systemd.shell(`cat /proc/${MainPID}/status`);
    // CAP_CHOWN, DAC_OVERRIDE, FOWNER, FSETID and SYS_ADMIN.
    expect(status).toMatch(/^CapEff:\s+000000000020001b$/m);
    expect(status).toMatch(/^CapBnd:\s+000000000020001b$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(status).toMatch(/^Seccomp:\s+2$/m);
    await secret('seen', 'first');
    await systemd.shell('mkdir /run/seen; lantern mount --secret seen /run/seen/volume');
    expect(await systemd.shell('cat /run/seen/volume/key')).toBe('first');
    expect(await systemd.shell('grep -c " /run/seen/volume ro," /proc/1/mountinfo')).toBe('1\n');
  });

  test('a daemon that hangs is restarted by the watchdog, and takes over its volumes', async () => {
    systemd.writeFile(
      '/run/systemd/system/lantern.service.d/quick.conf',
      '[Service]\nWatchdogSec=3\nTimeoutAbortSec=1\n',
    );
    await systemd.shell('systemctl daemon-reload; systemctl restart lantern');
    const before = await daemon();
    const mounts = () => systemd.shell('grep " /run/seen/volume " /proc/1/mountinfo');
    const mounted = await mounts();
    expect(await systemd.shell('cat /run/seen/volume/key')).toBe('first');
    await systemd.shell(`kill -STOP ${before.MainPID}`);
    await vi.waitFor(
      async () => expect(await daemon()).toMatchObject({ ActiveState: 'active', SubState: 'running', NRestarts: '1' }),
      30_000,
    );
    expect((await daemon()).MainPID).not.toBe(before.MainPID);
    expect(await systemd.shell('journalctl --unit=lantern --output=cat')).toMatch(/Watchdog timeout/);
    expect(await mounts()).toBe(mounted);
    await secret('seen', 'second');
    await vi.waitFor(async () => expect(await systemd.shell('cat /run/seen/volume/key')).toBe('second'));
    expect(await mounts()).toBe(mounted);
    await systemd.shell('lantern unmount /run/seen/volume');
  });

  test('a unit gets the bytes of its credential, 0400, and an instance those of its template', async () => {
    await secret('creds', 'S3cr3t-bytes');
    await units('two', {
      units: ['first.service', 'inst@*.service', LONG_UNIT],
      credentials: ['c', LONG_CREDENTIAL].map((name) => ({ name, secretKeyRef: { name: 'creds', key: 'key' } })),
    });
    const look = 'stat -c "%a %u" "$CREDENTIALS_DIRECTORY/c"; cat "$CREDENTIALS_DIRECTORY/c"';
    expect(await asUnit('first.service', 'c', look)).toBe('400 0\nS3cr3t-bytes');
    expect(await asUnit('inst@7.service', 'c', look)).toBe('400 0\nS3cr3t-bytes');
    const asUser =
      'id -u; cat "$CREDENTIALS_DIRECTORY/c"; cat /run/credentials/lantern.service/key 2>&1 | grep -o "Permission denied"';
    expect(await asUnit('first.service', 'c', asUser, 'User=65534')).toBe('65534\nS3cr3t-bytesPermission denied\n');
    const long = `cat "$CREDENTIALS_DIRECTORY/${LONG_CREDENTIAL}"`;
    expect(await asUnit(LONG_UNIT, LONG_CREDENTIAL, long)).toBe('S3cr3t-bytes');
    await secret('creds', 'rotated');
    expect(await asUnit('first.service', 'c', look)).toBe('400 0\nrotated');
  });

  test('a unit whose credential is missing does not run; one that is optional is empty, and events say both', async () => {
    const reference = (optional: boolean) => ({ secretKeyRef: { name: 'absent', key: 'key', optional } });
    await units('absent', {
      units: ['gone.service'],
      credentials: [
        { name: 'must', ...reference(false) },
        { name: 'may', ...reference(true) },
      ],
    });
    systemd.writeFile(
      '/run/systemd/system/gone.service',
      `[Service]\nType=oneshot\nLoadCredential=must:${SOCKET}\nExecStart=touch /run/ran\n`,
    );
    await systemd.shell('systemctl daemon-reload');
    await expect(systemd.shell('systemctl start gone')).rejects.toThrow();
    expect(await systemd.show('gone', 'ExecMainStatus', 'Result')).toEqual({
      ExecMainStatus: NO_CREDENTIALS,
      Result: 'exit-code',
    });
    await systemd.shell(
      '! test -e /run/ran; rm /run/systemd/system/gone.service; systemctl daemon-reload; systemctl reset-failed',
    );
    expect(await asUnit('gone.service', 'may', 'wc -c < "$CREDENTIALS_DIRECTORY/may"')).toBe('0\n');
    const events = squeezed(await systemd.shell('lantern events --for unitcredentials/absent'));
    expect(events).toMatch(/Warning CredentialMissing unitcredentials\/absent/);
    expect(events).toMatch(/Normal CredentialEmpty unitcredentials\/absent/);
  });

  test('another user cannot ask, and no secret is in the journal', async () => {
    const ask = `require("net").connect("${SOCKET}").on("error", (e) => console.log(e.code)).on("data", String)`;
    expect(await systemd.shell(`setpriv --reuid=65534 --clear-groups node -e '${ask}'`)).toBe('EACCES\n');
    expect(await systemd.shell('journalctl')).not.toMatch(/S3cr3t|rotated/);
  });

  test('without its key the daemon does not start, and makes none itself', async () => {
    await systemd.shell('mv /etc/lantern/key.cred /etc/lantern/away');
    try {
      await expect(systemd.shell('systemctl restart lantern')).rejects.toThrow();
      expect(await systemd.show('lantern', 'ExecMainStatus')).toEqual({ ExecMainStatus: NO_CREDENTIALS });
    } finally {
      await systemd.shell('mv /etc/lantern/away /etc/lantern/key.cred; systemctl restart lantern');
    }
    expect(await daemon()).toMatchObject({ ActiveState: 'active' });
  });
});

/** In a page, `…` stands for anything in a line. */
function patternOf(output: readonly string[]): RegExp {
  const literal = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  return new RegExp(`^${squeezed(output.join('\n')).split('…').map(literal).join('.*')}$`);
}

function squeezed(output: string): string {
  return output.replaceAll(/ +/g, ' ').replaceAll(/ $/gm, '').trimEnd();
}

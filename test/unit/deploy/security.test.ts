import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CALLS_FOR_MOUNTING, CALLS_FOR_PATHS, lanternProfile } from '../../../scripts/seccomp-profile.mjs';

type Rule = { names: string[]; action: string; errnoRet?: number; args?: { value: number; op: string }[] };
const profile: { defaultAction: string; architectures: string[]; syscalls: Rule[] } = JSON.parse(
  readFileSync('deploy/security/seccomp.json', 'utf8'),
);
const rulesFor = (call: string) => profile.syscalls.filter(({ names }) => names.includes(call));

/** What the daemon has with `bind`; THREAT_MODEL.md says what for. */
const CAPABILITIES = ['CHOWN', 'FOWNER', 'FSETID', 'SYS_ADMIN'];

describe('the seccomp profile', () => {
  test.each([...CALLS_FOR_MOUNTING, ...CALLS_FOR_PATHS, 'read', 'epoll_wait', 'clone'])('%s is there', (call) => {
    expect(rulesFor(call).some(({ action }) => action === 'SCMP_ACT_ALLOW')).toBe(true);
  });

  test.each([
    'bpf',
    'perf_event_open',
    'fsopen',
    'fsconfig',
    'setns',
    'pivot_root',
    'init_module',
    'kexec_load',
    'reboot',
    'keyctl',
  ])('%s is not, whatever the capabilities', (call) => {
    expect(rulesFor(call)).toEqual([]);
  });

  test('what is not named fails, and a process makes no namespace by clone', () => {
    expect(profile.defaultAction).toBe('SCMP_ACT_ERRNO');
    expect(rulesFor('clone')).toMatchObject([{ args: [{ value: 0x7e020000, op: 'SCMP_CMP_MASKED_EQ' }] }]);
    // ENOSYS: libc goes back to clone, whose flags a filter can see.
    expect(rulesFor('clone3')).toMatchObject([{ action: 'SCMP_ACT_ERRNO', errnoRet: 38 }]);
  });

  test('is made without what goes with a capability or with another processor', () => {
    const rule = (name: string, more: object) => ({ names: [name], action: 'SCMP_ACT_ALLOW', ...more });
    const made = lanternProfile({
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [
        rule('always', {}),
        rule('with-capability', { includes: { caps: ['CAP_SYS_ADMIN'] } }),
        rule('without-capability', { excludes: { caps: ['CAP_SYS_ADMIN'], arches: ['s390x'] } }),
        rule('here', { includes: { arches: ['amd64', 'x32'] } }),
        rule('elsewhere', { includes: { arches: ['s390x'] } }),
        rule('newer-kernel', { includes: { minKernel: '4.8' } }),
      ],
    });
    const names = made.syscalls.slice(0, -1).flatMap((one) => one.names);
    expect(names).toEqual(['always', 'without-capability', 'here', 'newer-kernel']);
  });
});

test('compose file and DaemonSet give the daemon the same capabilities, and no others', () => {
  const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true, maxAliasCount: -1 });
  const { cap_add: added, cap_drop: dropped, security_opt: options } = compose.services.lantern;
  expect({ added: [...added].sort(), dropped }).toEqual({ added: CAPABILITIES, dropped: ['ALL'] });
  expect(options.join('\n')).toMatch(/^seccomp:.*:-\.\/deploy\/security\/seccomp\.json\}$/m);
  const [daemon] = parse(readFileSync('deploy/kubernetes/daemon-set.yaml', 'utf8')).spec.template.spec.containers;
  const [command, bounding, ...more] = daemon.command;
  expect(command).toBe('setpriv');
  const [all, ...kept] = bounding.replace('--bounding-set=', '').split(',');
  expect(all).toBe('-all');
  expect(kept.map((name: string) => name.slice(1).toUpperCase()).sort()).toEqual(CAPABILITIES);
  expect(more).toEqual(['--inh-caps=-all', '--no-new-privs', 'node', '/opt/lantern/dist/main.js']);
});

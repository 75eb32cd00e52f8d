import { expect, test } from 'vitest';
import { doctorTable } from '../../../../src/cli/commands/doctor.ts';
import { styleFor } from '../../../../src/cli/output/text.ts';

const FINDINGS = [
  { name: 'node', verdict: 'ok', finding: 'Node.js v20.20.0 is new enough.', nextStep: '' },
  {
    name: 'security module',
    verdict: 'warning',
    finding: 'AppArmor is enabled and may forbid mounts in a container.',
    nextStep: 'Load deploy/security/apparmor or run unconfined.',
  },
] as const;

test('a pipe gets a line for each finding and each next step', () => {
  expect(doctorTable(FINDINGS, styleFor(false), undefined).split('\n')).toEqual([
    'VERDICT   CHECK             FINDING',
    'ok        node              Node.js v20.20.0 is new enough.',
    'warning   security module   AppArmor is enabled and may forbid mounts in a container.',
    '                            → Load deploy/security/apparmor or run unconfined.',
  ]);
});

test('on a terminal findings go on in their column', () => {
  expect(doctorTable(FINDINGS, styleFor(false), 60).split('\n')).toEqual([
    'VERDICT   CHECK             FINDING',
    'ok        node              Node.js v20.20.0 is new enough.',
    'warning   security module   AppArmor is enabled and may',
    '                            forbid mounts in a container.',
    '                            → Load deploy/security/apparmor',
    '                            or run unconfined.',
  ]);
});

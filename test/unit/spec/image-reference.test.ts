import { describe, expect, test } from 'vitest';
import { parseImageReference } from '../../../src/spec/image-reference.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('read', () => {
  test.each([
    ['busybox', 'docker.io', 'library/busybox', undefined, undefined],
    ['busybox:1.36', 'docker.io', 'library/busybox', '1.36', undefined],
    ['team/app', 'docker.io', 'team/app', undefined, undefined],
    ['docker.io/busybox', 'docker.io', 'library/busybox', undefined, undefined],
    ['index.docker.io/team/app:v1', 'docker.io', 'team/app', 'v1', undefined],
    ['localhost/app', 'localhost', 'app', undefined, undefined],
    ['localhost:5000/app', 'localhost:5000', 'app', undefined, undefined],
    ['localhost:5000', 'docker.io', 'library/localhost', '5000', undefined],
    ['registry.example/app', 'registry.example', 'app', undefined, undefined],
    ['registry.example:5000/a/b/c:t', 'registry.example:5000', 'a/b/c', 't', undefined],
    ['Registry/app', 'Registry', 'app', undefined, undefined],
    ['[fd00::1]:5000/app', '[fd00::1]:5000', 'app', undefined, undefined],
    ['10.0.0.1/app', '10.0.0.1', 'app', undefined, undefined],
    [`app@${DIGEST}`, 'docker.io', 'library/app', undefined, DIGEST],
    [`r.io/a__b/c-d.e:t_1@${DIGEST}`, 'r.io', 'a__b/c-d.e', 't_1', DIGEST],
  ])('%s', (text, registry, repository, tag, digest) => {
    expect(parseImageReference(text, 'image')).toEqual({ ok: true, value: { registry, repository, tag, digest } });
  });
});

describe('refused', () => {
  test.each([
    [''],
    ['App'],
    ['team/App'],
    ['https://registry.example/app'],
    ['registry.example/'],
    ['registry.example:port/app'],
    ['registry..example/app'],
    ['-r.example/app'],
    ['user:pass@registry.example/app'],
    ['app:'],
    ['app:.tag'],
    [`app:${'t'.repeat(129)}`],
    ['app@sha256:12'],
    [`app@${DIGEST}@${DIGEST}`],
    ['a//b'],
    ['a/../b'],
    ['*.example/app'],
    ['app\n'],
    [' app'],
    [`r.io/${'a'.repeat(256)}`],
  ])('%j', (text) => {
    const result = parseImageReference(text, 'image');
    expect(result.ok ? result.value : result.faults).toEqual([{ field: 'image', message: expect.any(String) }]);
  });
});

import { describe, expect, it } from 'vitest';
import { orThrow } from '../../../src/base/parsed.ts';
import { formatFieldPath, parseFieldPath, parseVolumeId } from '../../../src/spec/volume-spec.ts';
import { faultLines } from '../../support/suite/expectations.ts';

describe('a fieldPath', () => {
  it.each([
    ['metadata.name', { kind: 'name' }],
    ['metadata.namespace', { kind: 'namespace' }],
    ['metadata.uid', { kind: 'uid' }],
    ['metadata.labels', { kind: 'labels' }],
    ['metadata.annotations', { kind: 'annotations' }],
    ["metadata.labels['app']", { kind: 'label', key: 'app' }],
    ["metadata.labels['app.kubernetes.io/name']", { kind: 'label', key: 'app.kubernetes.io/name' }],
    ["metadata.annotations['Example.com/x']", { kind: 'annotation', key: 'Example.com/x' }],
  ])('%s is read, and written the same', (text, path) => {
    expect(orThrow(parseFieldPath(text, 'f'))).toEqual(path);
    expect(formatFieldPath(orThrow(parseFieldPath(text, 'f')))).toBe(text);
  });

  it.each([
    '',
    'name',
    'metadata',
    'metadata.',
    'metadata.Name',
    'spec.nodeName',
    'status.podIP',
    'metadata.labels[app]',
    'metadata.labels["app"]',
    "metadata.labels['']",
    "metadata.labels['a b']",
    "metadata.labels['a']['b']",
    "metadata.labels['a'",
    "metadata.name['a']",
    "metadata.labels['a/b/c']",
    "metadata.labels['Example.com/x']",
    "metadata.labels['a']\n",
  ])('%j is refused', (text) => {
    expect(faultLines(parseFieldPath(text, 'f'))).toHaveLength(1);
  });
});

it.each(['a', 'csi-0123abc', '../../etc', 'ü'.repeat(64), 'x'.repeat(128), ' '])('%j is an id', (text) => {
  expect(parseVolumeId(text)).toEqual({ ok: true, value: text });
});

it.each(['', 'x'.repeat(129), 'ü'.repeat(65), 'a\nb', 'a\0', '\u007f'])('%j is none', (text) => {
  expect(faultLines(parseVolumeId(text))).toHaveLength(1);
});

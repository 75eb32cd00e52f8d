import { describe, expect, test } from 'vitest';
import { formatEnvField, parseContainerEnv, parseEnvField } from '../../../src/spec/container-env.ts';

function faultsOf(container: unknown): readonly string[] {
  const result = parseContainerEnv(container, 'spec.containers[0]');
  return result.ok ? [] : result.faults.map(({ field, message }) => `${field}: ${message}`);
}

const at = (path: string) => `spec.containers[0].${path}`;
const variable = (fields: object) => ({ env: [{ name: 'A', ...fields }] });
const key = { name: 'db', key: 'k' };

test('what has nothing to do with the environment is left alone', () => {
  const container = { name: 'main', image: 'busybox', ports: [{ containerPort: 80 }], envFrom: null, env: [] };
  expect(parseContainerEnv(container, '')).toEqual({ ok: true, value: { name: 'main', envFrom: [], env: [] } });
});

test('every shape', () => {
  const container = {
    name: 'main',
    envFrom: [{ secretRef: { name: 'db' } }, { prefix: 'P_', configMapRef: { name: 'c', optional: true } }],
    env: [
      { name: 'A', value: 'x' },
      { name: 'B', valueFrom: { secretKeyRef: key } },
      { name: 'C', valueFrom: { configMapKeyRef: { ...key, optional: true } } },
      { name: 'D', value: '', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
      { name: 'E', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
    ],
  };
  expect(parseContainerEnv(container, '')).toEqual({
    ok: true,
    value: {
      name: 'main',
      envFrom: [
        { kind: 'Secret', name: 'db', optional: false, prefix: '' },
        { kind: 'ConfigMap', name: 'c', optional: true, prefix: 'P_' },
      ],
      env: [
        { name: 'A', value: { kind: 'text', text: 'x' } },
        { name: 'B', value: { kind: 'key', object: 'Secret', ...key, optional: false } },
        { name: 'C', value: { kind: 'key', object: 'ConfigMap', ...key, optional: true } },
        { name: 'D', value: { kind: 'field', field: { kind: 'metadata', path: { kind: 'name' } } } },
        { name: 'E', value: { kind: 'resource', containerName: '', resource: 'limits.cpu', divisor: '1' } },
      ],
    },
  });
});

describe('refused', () => {
  test.each<[unknown, string]>([
    [{ env: [{}] }, `${at('env[0].name')}: is required`],
    [{ env: [{ name: '' }] }, `${at('env[0].name')}: must not be empty`],
    [
      { env: [{ name: '1A' }] },
      `${at('env[0].name')}: must have letters, digits, '-', '_' and '.' only, and not start`,
    ],
    [{ env: [{ name: 'A=B' }] }, `${at('env[0].name')}: must have letters`],
    [{ env: [{ name: 'A\n' }] }, `${at('env[0].name')}: must have letters`],
    [{ env: [{ name: '..A' }] }, `${at('env[0].name')}: must not start with '..'`],
    [{ env: [{ name: '.' }] }, `${at('env[0].name')}: must not be '.'`],
    [variable({ value: 5 }), `${at('env[0].value')}: must be a string, not a number; put it in quotes`],
    [variable({ valeu: 'x' }), `${at('env[0].valeu')}: unknown field; did you mean "value"?`],
    [variable({ content: 'x' }), `${at('env[0].content')}: unknown field; known here: name, value, valueFrom`],
    [variable({ value: 'x', valueFrom: { secretKeyRef: key } }), `${at('env[0].valueFrom')}: must not be there beside`],
    [variable({ valueFrom: {} }), `${at('env[0].valueFrom')}: must have exactly one of secretKeyRef`],
    [
      variable({ valueFrom: { secretKeyRef: key, configMapKeyRef: key } }),
      `${at('env[0].valueFrom')}: must have exactly one of`,
    ],
    [
      variable({ valueFrom: { secretKeyRef: { ...key, name: 'A_b' } } }),
      `${at('env[0].valueFrom.secretKeyRef.name')}:`,
    ],
    [
      variable({ valueFrom: { secretKeyRef: { name: 'db', key: 'a/b' } } }),
      `${at('env[0].valueFrom.secretKeyRef.key')}:`,
    ],
    [
      variable({ valueFrom: { fieldRef: { fieldPath: 'metadata.labels' } } }),
      `${at('env[0].valueFrom.fieldRef.fieldPath')}: must be one of`,
    ],
    [
      variable({ valueFrom: { fieldRef: { fieldPath: 'spec.image' } } }),
      `${at('env[0].valueFrom.fieldRef.fieldPath')}: must be one of`,
    ],
    [
      variable({ valueFrom: { secretKeyRef: key, filekeyRef: {} } }),
      `${at('env[0].valueFrom.filekeyRef')}: unknown field; did you mean "fileKeyRef"`,
    ],
    [
      variable({ valueFrom: { resourceFieldRef: { resource: 'limits.gpu' } } }),
      `${at('env[0].valueFrom.resourceFieldRef.resource')}:`,
    ],
    [{ envFrom: [{}] }, `${at('envFrom[0]')}: must have exactly one of secretRef, configMapRef; none is there`],
    [
      { envFrom: [{ secretRef: { name: 'a' }, configMapRef: { name: 'b' } }] },
      `${at('envFrom[0]')}: must have exactly one`,
    ],
    [{ envFrom: [{ prefix: '1', secretRef: { name: 'a' } }] }, `${at('envFrom[0].prefix')}: must have letters`],
    [{ envFrom: [{ secretRef: { name: 'a', key: 'k' } }] }, `${at('envFrom[0].secretRef.key')}: unknown field`],
    [{ envFrom: { secretRef: { name: 'a' } } }, `${at('envFrom')}: must be a list, not a mapping`],
  ])('%j', (container, fault) => {
    expect(faultsOf(container)).toEqual([expect.stringContaining(fault)]);
  });

  test('all faults at once', () => {
    const container = { envFrom: [{ secretRef: { name: '_' } }], env: [{ name: '1' }, { name: 'A', valueFrom: {} }] };
    expect(faultsOf(container)).toHaveLength(3);
  });
});

test.each([
  'metadata.name',
  "metadata.labels['a.b/c']",
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.podIPs',
])('%s is written as it was read', (text) => {
  const result = parseEnvField(text, '');
  expect(result.ok && formatEnvField(result.value)).toBe(text);
});

import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { IDaemonSet } from 'kubernetes-models/apps/v1/DaemonSet';
import type { ICSIDriver } from 'kubernetes-models/storage.k8s.io/v1/CSIDriver';
import type { IContainer } from 'kubernetes-models/v1/Container';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { orThrow } from '../../../src/base/parsed.ts';
import { parseConfig } from '../../../src/config/config.ts';
import { OPTIONS } from '../../../src/config/options.ts';
import { TempDir } from '../../support/suite/temp-dir.ts';

const DIRECTORY = 'deploy/kubernetes';
const MIB = 1024 ** 2;

type Manifest = { apiVersion: string; kind: string };

const read = (file: string) => parse(readFileSync(`${DIRECTORY}/${file}`, 'utf8'));
const files = readdirSync(DIRECTORY).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml');
const manifests: [string, Manifest][] = files.map((file) => [file, read(file)]);

const driver: ICSIDriver = read('csi-driver.yaml');
const daemonSet: IDaemonSet = read('daemon-set.yaml');
const pod = daemonSet.spec?.template.spec;
const containers = new Map((pod?.containers ?? []).map((container) => [container.name, container]));

function container(name: string): IContainer {
  const found = containers.get(name);
  if (found === undefined) throw new Error(`no container "${name}"`);
  return found;
}

/** The module of Kubernetes' schema for a manifest. */
function modelOf({ apiVersion, kind }: Manifest): string {
  return `kubernetes-models/${apiVersion}/${kind}`;
}

describe('the manifests for Kubernetes', () => {
  it('are what the kustomization lists', () => {
    expect([...read('kustomization.yaml').resources].sort()).toEqual([...files].sort());
  });

  it.each(manifests)('%s has values that Kubernetes takes', async (_file, manifest) => {
    const { [manifest.kind]: Model } = await import(modelOf(manifest));
    expect(() => new Model(manifest).validate()).not.toThrow();
  });

  it('have no field that Kubernetes does not know', () => {
    // As TypeScript literals of the schemas' types, where a field too many is an error.
    const lines = manifests.map(([file, manifest], index) => {
      const type = `import('${modelOf(manifest)}').I${manifest.kind}`;
      return `// ${file}\nexport const manifest${index}: ${type} = ${JSON.stringify(manifest)};\n`;
    });
    // Below node_modules' parent, so that the types are found.
    mkdirSync('.cache', { recursive: true });
    using directory = new TempDir('.cache');
    writeFileSync(directory.at('manifests.ts'), lines.join('\n'));
    const flags = ['--noEmit', '--ignoreConfig', '--strict', '--skipLibCheck', '--module', 'nodenext', '--types', ''];
    const tsc = ['node_modules/typescript/bin/tsc', ...flags, directory.at('manifests.ts')];
    const { stdout } = spawnSync(process.execPath, tsc, { encoding: 'utf8' });
    expect(stdout).toBe('');
  });
});

describe('the CSIDriver', () => {
  it('is the driver that the daemon says it is', () => {
    expect(driver.metadata?.name).toBe(OPTIONS.driverName.default);
  });

  it('makes the kubelet say who asks, again and again, and leave the rest to the daemon', () => {
    expect(driver.spec).toMatchObject({
      attachRequired: false,
      podInfoOnMount: true,
      volumeLifecycleModes: ['Ephemeral'],
      requiresRepublish: true,
      fsGroupPolicy: 'None',
    });
  });
});

describe('the DaemonSet', () => {
  const environment = Object.fromEntries(
    (container('lantern').env ?? []).map(({ name, value }) => [name, value ?? 'node-1']),
  );
  const config = orThrow(parseConfig({}, { environment, user: { uid: 0 }, hostname: 'pod' }));

  it('sets what the daemon knows, and for a kubelet', () => {
    // LANTERN_SOCKET is the command's, for whoever runs it in this container.
    const known = new Set(['LANTERN_SOCKET', ...Object.values(OPTIONS).map((option) => option.environment)]);
    expect(Object.keys(environment).filter((name) => !known.has(name))).toEqual([]);
    expect(config).toMatchObject({ host: 'kubernetes', publisher: 'bind', nodeId: 'node-1' });
  });

  it('gives the daemon the memory that its pools may take, and as much again', () => {
    const [, mebibytes] = /^(\d+)Mi$/.exec(String(container('lantern').resources?.limits?.memory)) ?? [];
    expect(Number(mebibytes) * MIB).toBe(2 * (config.poolTotalBytes ?? 0));
  });

  it('shows its mounts to the host where volumes and their targets are', () => {
    const mounts = container('lantern').volumeMounts ?? [];
    const outward = mounts.filter(({ mountPropagation }) => mountPropagation === 'Bidirectional');
    expect(outward.map(({ mountPath }) => mountPath)).toEqual([dirname(config.runDirectory), ...config.targetRoots]);
  });

  it('has the same path inside and outside, where a kubelet names it', () => {
    const pathOf = new Map((pod?.volumes ?? []).map(({ name, hostPath }) => [name, hostPath?.path]));
    for (const { name, volumeMounts = [] } of containers.values()) {
      for (const mount of volumeMounts) expect(pathOf.get(mount.name), `${name}: ${mount.name}`).toBeDefined();
    }
    expect(config.targetRoots).toEqual([pathOf.get('pods')]);
    expect(pathOf.get('run')).toBe(dirname(config.runDirectory));
    const [, registered] =
      /^--kubelet-registration-path=(.*)$/m.exec((container('node-driver-registrar').args ?? []).join('\n')) ?? [];
    expect(registered).toBe(`${pathOf.get('plugin')}/csi.sock`);
    expect(pathOf.get('plugin')).toBe(`/var/lib/kubelet/plugins/${driver.metadata?.name}`);
  });

  it('has its run directory below the one that the kubelet makes, so that it is the daemon that says who may look', () => {
    expect(environment.LANTERN_SOCKET).toBe(config.lanternSocket);
    expect((container('lantern').volumeMounts ?? []).map(({ mountPath }) => mountPath)).not.toContain(
      config.runDirectory,
    );
  });

  it('is ready when the daemon serves, not when its process runs', () => {
    const { livenessProbe, readinessProbe } = container('lantern');
    expect(readinessProbe?.httpGet).toEqual(livenessProbe?.httpGet);
  });

  it('lets the doctor see whether the driver is registered', () => {
    const registration = (container('lantern').volumeMounts ?? []).find(({ name }) => name === 'registration');
    expect(registration).toEqual({
      name: 'registration',
      mountPath: '/var/lib/kubelet/plugins_registry',
      readOnly: true,
    });
  });

  it('is privileged where mounting needs it, and nowhere else', () => {
    for (const [name, { securityContext }] of containers) {
      expect(securityContext?.readOnlyRootFilesystem, name).toBe(true);
      expect(securityContext?.privileged ?? false, name).toBe(name === 'lantern');
      if (name !== 'lantern') expect(securityContext?.capabilities, name).toEqual({ drop: ['ALL'] });
    }
    expect(pod?.automountServiceAccountToken).toBe(false);
  });
});

describe.each(readdirSync(DIRECTORY, { withFileTypes: true }).filter((entry) => entry.isDirectory()))(
  'the component $name',
  ({ name }) => {
    const patch: IDaemonSet = read(`${name}/daemon-set.yaml`);
    const patched = patch.spec?.template.spec;

    it('is offered by the kustomization', () => {
      expect(readFileSync(`${DIRECTORY}/kustomization.yaml`, 'utf8')).toContain(`#   - ${name}\n`);
    });

    it('patches what is there, and brings what it mounts', () => {
      expect(patch.metadata?.name).toBe(daemonSet.metadata?.name);
      const volumes = [...(pod?.volumes ?? []), ...(patched?.volumes ?? [])].map((volume) => volume.name);
      for (const { name: containerName, volumeMounts = [] } of patched?.containers ?? []) {
        expect([...containers.keys()]).toContain(containerName);
        const mounts = volumeMounts.flatMap((mount) => ('$patch' in mount ? [] : mount.name));
        expect(volumes).toEqual(expect.arrayContaining(mounts));
      }
    });
  },
);

it('another root for the kubelet replaces every path of the kubelet’s, and nothing else', () => {
  const patch = readFileSync(`${DIRECTORY}/kubelet-root/daemon-set.yaml`, 'utf8');
  const paths = (text: string) => [...text.matchAll(/\/var\/lib\/kubelet\/[\w./-]+/g)].map(([path]) => path);
  const replaced = paths(patch.replaceAll('/var/snap/microk8s/common', ''));
  const original = paths(readFileSync(`${DIRECTORY}/daemon-set.yaml`, 'utf8'));
  expect([...new Set(replaced)].sort()).toEqual([...new Set(original)].sort());
});

describe('the component etcd', () => {
  const { configMapGenerator } = read('etcd/kustomization.yaml');
  // As kubectl reads it: 0400 is octal.
  const patch: IDaemonSet = parse(readFileSync(`${DIRECTORY}/etcd/daemon-set.yaml`, 'utf8'), { version: '1.1' });
  const patched = patch.spec?.template.spec;
  const [daemon] = patched?.containers ?? [];
  const literals = new Map<string, string>();
  for (const { name, literals: lines } of configMapGenerator as { name: string; literals: string[] }[]) {
    for (const line of lines) {
      const at = line.indexOf('=');
      literals.set(`${name}/${line.slice(0, at)}`, line.slice(at + 1));
    }
  }
  const settings = [...(container('lantern').env ?? []), ...(daemon?.env ?? [])].map(({ name, value, valueFrom }) => {
    const { name: map, key } = valueFrom?.configMapKeyRef ?? {};
    return [name, key === undefined ? (value ?? 'node-1') : literals.get(`${map}/${key}`)] as const;
  });
  const config = orThrow(
    parseConfig({}, { environment: Object.fromEntries(settings), user: { uid: 0 }, hostname: 'pod' }),
  );

  it('makes the daemon use an etcd by TLS, with a certificate of its own', () => {
    expect(config).toMatchObject({ store: 'etcd', host: 'kubernetes' });
    for (const endpoint of config.etcd?.endpoints ?? ['none']) expect(endpoint).toMatch(/^https:/);
  });

  it('takes from the ConfigMap all that is there', () => {
    const used = (daemon?.env ?? []).flatMap(({ valueFrom }) => valueFrom?.configMapKeyRef ?? []);
    expect(used.map(({ name, key }) => `${name}/${key}`).sort()).toEqual([...literals.keys()].sort());
  });

  it('has each file in a Secret that must be there, read-only and for root alone', () => {
    const { ca, pair } = config.etcd ?? {};
    const files = [ca, pair?.cert, pair?.key, ...config.keyFiles].map((path) => path ?? 'none');
    const mounts = daemon?.volumeMounts ?? [];
    expect(new Set(files.map((path) => dirname(path)))).toEqual(new Set(mounts.map(({ mountPath }) => mountPath)));
    for (const { name, readOnly } of mounts) {
      const secret = patched?.volumes?.find((volume) => volume.name === name)?.secret;
      expect({ readOnly, mode: secret?.defaultMode, optional: secret?.optional ?? false }, name).toEqual({
        readOnly: true,
        mode: 0o400,
        optional: false,
      });
    }
  });
});

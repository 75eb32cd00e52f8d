import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { inlineVolumeId, kubernetesFaults } from '../../../../src/rpc/csi/host-kubernetes.ts';

const UID = '6f0a4ab2-5a5c-4a5e-9d3c-000000000001';
const OTHER_UID = '6f0a4ab2-5a5c-4a5e-9d3c-000000000002';

const CONTEXT = {
  'csi.storage.k8s.io/ephemeral': 'true',
  'csi.storage.k8s.io/pod.namespace': 'shop',
  'csi.storage.k8s.io/pod.uid': UID,
};

/** What the kubelet sends for the volume "db" of a pod. */
const VALID = {
  volumeId: inlineVolumeId(UID, 'db'),
  targetPath: `/var/lib/kubelet/pods/${UID}/volumes/kubernetes.io~csi/db/mount`,
  volumeContext: CONTEXT as Readonly<Record<string, string>>,
};

function fieldsRefused(changes: Partial<typeof VALID>): string[] {
  return kubernetesFaults({ ...VALID, ...changes }).map(({ field }) => field);
}

function without(key: keyof typeof CONTEXT): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(CONTEXT).filter(([name]) => name !== key));
}

const contextField = (name: string) => `volume_context[csi.storage.k8s.io/${name}]`;

describe('the volume id of an inline volume', () => {
  it('is the SHA-256 of pod uid and volume name, in hexadecimal', () => {
    const digest = createHash('sha256').update('6f0a4ab2-5a5c-4a5e-9d3c-000000000001db').digest('hex');
    expect(inlineVolumeId(UID, 'db')).toBe(`csi-${digest}`);
  });
});

describe('a publish by the kubelet', () => {
  it.each([
    ['at the usual place', VALID.targetPath],
    ['below a kubelet root elsewhere', `/data/kubelet/pods/${UID}/volumes/kubernetes.io~csi/db/mount`],
  ])('is accepted %s', (_name, targetPath) => {
    expect(fieldsRefused({ targetPath })).toEqual([]);
  });

  it.each([
    ['not ephemeral', { ...CONTEXT, 'csi.storage.k8s.io/ephemeral': 'false' }, ['ephemeral']],
    ['ephemeral missing', without('csi.storage.k8s.io/ephemeral'), ['ephemeral']],
    [
      'no namespace but the author’s own',
      { ...without('csi.storage.k8s.io/pod.namespace'), namespace: 'kube-system' },
      ['pod.namespace'],
    ],
    ['an empty namespace', { ...CONTEXT, 'csi.storage.k8s.io/pod.namespace': '' }, ['pod.namespace']],
    ['no pod uid', without('csi.storage.k8s.io/pod.uid'), ['pod.uid']],
    ['no pod info at all', {}, ['ephemeral', 'pod.namespace', 'pod.uid']],
  ])('is refused with %s', (_name, volumeContext: Readonly<Record<string, string>>, names) => {
    expect(fieldsRefused({ volumeContext })).toEqual(names.map(contextField));
  });

  it('says how to set the CSIDriver up', () => {
    const [fault] = kubernetesFaults({ ...VALID, volumeContext: {} });
    expect(fault?.message).toContain('podInfoOnMount: true');
  });

  it.each([
    ['of another pod', `/var/lib/kubelet/pods/${OTHER_UID}/volumes/kubernetes.io~csi/db/mount`],
    [
      'of another pod, whose volume is named as this pod',
      `/var/lib/kubelet/pods/${OTHER_UID}/volumes/kubernetes.io~csi/${UID}/mount`,
    ],
    ['of another plugin', `/var/lib/kubelet/pods/${UID}/volumes/kubernetes.io~secret/db/mount`],
    ['beside the mount', `/var/lib/kubelet/pods/${UID}/volumes/kubernetes.io~csi/db`],
    ['below the mount', `${VALID.targetPath}/deeper`],
    ['with an empty element', `/var/lib/kubelet/pods/${UID}/volumes/kubernetes.io~csi//mount`],
    ['that climbs', `/var/lib/kubelet/pods/${UID}/volumes/kubernetes.io~csi/../mount`],
    ['that climbs before it', `/tmp/../pods/${UID}/volumes/kubernetes.io~csi/db/mount`],
    ['that is relative', `pods/${UID}/volumes/kubernetes.io~csi/db/mount`],
  ])('is refused at a target %s', (_name, targetPath) => {
    expect(fieldsRefused({ targetPath })).toEqual(['target_path']);
  });

  it.each([
    ['a uid with a slash', `${UID}/volumes`],
    ['a uid that climbs', '..'],
  ])('is refused with %s', (_name, uid) => {
    const volumeContext = { ...CONTEXT, 'csi.storage.k8s.io/pod.uid': uid };
    const targetPath = `/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~csi/db/mount`;
    expect(fieldsRefused({ volumeContext, targetPath, volumeId: inlineVolumeId(uid, 'db') })).toEqual(['target_path']);
  });

  it.each([
    ['another volume’s', inlineVolumeId(UID, 'other')],
    ['another pod’s', inlineVolumeId(OTHER_UID, 'db')],
    ['one in capitals', VALID.volumeId.toUpperCase()],
    ['a name of the author’s choosing', 'db'],
  ])('is refused with a volume id that is %s', (_name, volumeId) => {
    expect(fieldsRefused({ volumeId })).toEqual(['volume_id']);
  });
});

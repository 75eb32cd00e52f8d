import { LanternError } from '../base/errors.ts';
import { orThrow } from '../base/parsed.ts';
import type { StoredServiceAccount } from '../objects/object.ts';
import { parseVolumeSource } from '../spec/parse-volume-source.ts';
import type { Pod, PodContainer } from '../spec/pod.ts';

/** Where clients look for the token of their pod. */
export const TOKEN_MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';

/** As the API server's admission makes it: an hour, and some seconds that tell it from a token somebody asked for. */
const EXPIRATION_SECONDS = 3607;

const NAME = 'kube-api-access';

const SOURCE = {
  projected: {
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: EXPIRATION_SECONDS } },
      { configMap: { name: 'kube-root-ca.crt', optional: true, items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
    ],
  },
};

/**
 * The pod with its account's token in every container that has nothing mounted where clients look for it, unless
 * automatic mounting is off; the pod's word counts more than its account's. `invalid-argument` where another volume is
 * mounted around that place, or in it: what Lantern mounts is read-only, so nothing can be mounted inside.
 */
export function withTokenVolume(pod: Pod, account: StoredServiceAccount): Pod {
  if (!(pod.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true)) return pod;
  if (pod.containers.every(hasTokenMount)) return pod;
  requireRoom(pod);
  const name = freeName(pod);
  const mount = { volumeName: name, mountPath: TOKEN_MOUNT_PATH, readOnly: true, subPath: undefined };
  const definition = { kind: 'inline', spec: orThrow(parseVolumeSource(SOURCE, '')) } as const;
  return {
    ...pod,
    volumes: [...pod.volumes, { name, kind: 'projected', definition }],
    containers: pod.containers.map((container) =>
      hasTokenMount(container) ? container : { ...container, mounts: [...container.mounts, mount] },
    ),
  };
}

function requireRoom({ containers, volumes, facts }: Pod): void {
  const projected = new Set(volumes.flatMap(({ kind, name }) => (kind === 'projected' ? [name] : [])));
  for (const { name, mounts } of containers.filter((container) => !hasTokenMount(container))) {
    const obstacle = mounts.find(({ volumeName, mountPath }) => {
      const isNested = TOKEN_MOUNT_PATH.startsWith(`${mountPath}/`) || mountPath.startsWith(`${TOKEN_MOUNT_PATH}/`);
      return isNested && projected.has(volumeName);
    });
    if (obstacle === undefined) continue;
    throw new LanternError(
      'invalid-argument',
      `mount the token of the pod "${facts.name}" at "${TOKEN_MOUNT_PATH}" for the container "${name}": the volume "${obstacle.volumeName}" is mounted at "${obstacle.mountPath}", and read-only; mount that elsewhere, or set automountServiceAccountToken to false`,
    );
  }
}

function hasTokenMount({ mounts }: PodContainer): boolean {
  return mounts.some(({ mountPath }) => mountPath === TOKEN_MOUNT_PATH);
}

function freeName({ volumes }: Pod): string {
  const taken = new Set(volumes.map(({ name }) => name));
  let name = NAME;
  for (let turn = 2; taken.has(name); turn++) name = `${NAME}-${turn}`;
  return name;
}

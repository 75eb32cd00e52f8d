import { LanternError } from '../../base/errors.ts';
import { orThrow } from '../../base/parsed.ts';
import { describeRef, type ObjectRef, refKey, type StoredServiceAccount } from '../../objects/object.ts';
import { environmentRefsOf, type NeededObject, objectRefsOf } from '../../spec/object-refs.ts';
import { parseVolumeSource } from '../../spec/parse-volume-source.ts';
import type { Pod, PodContainer } from '../../spec/pod/pod.ts';
import { resolveAccount, resolveObjects } from '../../stores/resolve-objects.ts';
import type { Source } from '../../stores/store.ts';

const MOUNTABLE_ONLY = 'kubernetes.io/enforce-mountable-secrets';

/** Everything that the pod is mounted from, its account first; image pull secrets are not: a pod can do without. */
export function podRefs(pod: Pod): readonly NeededObject[] {
  return [{ ref: accountRef(pod), optional: false }, ...contentRefs(pod)];
}

/** The pod's account; MISSING_OBJECTS where it does not exist. */
export async function requireAccount(pod: Pod, source: Source, signal: AbortSignal): Promise<StoredServiceAccount> {
  const account = await resolveAccount(source, accountRef(pod), signal);
  if (account !== undefined) return account;
  throw missing([`${describeRef(accountRef(pod))} does not exist`]);
}

/** MISSING_OBJECTS with all that are not there, so that nobody learns of them one by one. */
export async function requireObjects(pod: Pod, source: Source, signal: AbortSignal): Promise<void> {
  const required = contentRefs(pod).filter(({ optional }) => !optional);
  const found = await resolveObjects(source, required, signal);
  const absent = new Set(required.flatMap(({ ref }) => (found.has(refKey(ref)) ? [] : [describeRef(ref)])));
  if (absent.size > 0) throw missing([...absent].map((object) => `${object} does not exist`));
}

/**
 * `permission-denied` with every Secret that the account does not name, where the account is annotated to let its pods
 * have no others. As in Kubernetes it is asked of the whole pod, whichever containers are mounted.
 */
export function requireMountable(pod: Pod, account: StoredServiceAccount): void {
  if (account.metadata.annotations.get(MOUNTABLE_ONLY) !== 'true') return;
  const allowed = new Set(account.secrets);
  const pulling = new Set(account.imagePullSecrets);
  const secrets = contentRefs(pod).flatMap(({ ref }) => (ref.kind === 'Secret' ? [ref.name] : []));
  const refused = [
    ...secrets.filter((name) => !allowed.has(name)).map((name) => `Secret "${name}" is not among its secrets`),
    ...pod.imagePullSecrets
      .filter((name) => !pulling.has(name))
      .map((name) => `image pull secret "${name}" is not among its imagePullSecrets`),
  ];
  if (refused.length === 0) return;
  const name = `${pod.namespace}/${account.metadata.name}`;
  throw new LanternError(
    'permission-denied',
    `mount the pod "${pod.facts.name}": ServiceAccount ${name} lets its pods have only what it names, and ${[...new Set(refused)].join(', ')}; add it there`,
  );
}

function accountRef({ namespace, facts }: Pod): ObjectRef {
  return { kind: 'ServiceAccount', namespace, name: facts.serviceAccountName };
}

/** Of every volume and of every container's variables. */
function contentRefs({ volumes, containers, namespace }: Pod): readonly NeededObject[] {
  return [
    ...volumes.flatMap((volume) => {
      const isInline = volume.kind === 'projected' && volume.definition.kind === 'inline';
      return isInline ? objectRefsOf(volume.definition.spec, namespace) : [];
    }),
    ...containers.flatMap(({ env }) => environmentRefsOf(env, namespace)),
  ];
}

function missing(messages: readonly string[]): LanternError {
  return new LanternError('failed-precondition', messages.join('; '), { reason: 'MISSING_OBJECTS' });
}

/** Where clients look for the token of their pod. */
const TOKEN_MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';

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

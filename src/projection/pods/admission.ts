import { invalid, LanternError } from '../../base/errors.ts';
import { orThrow } from '../../base/parsed.ts';
import { isBelow } from '../../mount/targets/target-roots.ts';
import { describeRef, type ObjectRef, refKey, type StoredServiceAccount } from '../../objects/object.ts';
import { type Notice, uidNoticesOf } from '../../payload/payload.ts';
import { environmentRefsOf, type NeededObject, objectRefsOf } from '../../spec/object-refs.ts';
import type { Pod, PodContainer } from '../../spec/pod/pod.ts';
import { parseRelativePath, type RelativePath } from '../../spec/relative-path.ts';
import { NO_ATTRIBUTES, VOLUME_DEFAULTS, type VolumeSpec } from '../../spec/volume-spec.ts';
import { resolveAccount, resolveObjects } from '../../stores/resolve-objects.ts';
import type { Source } from '../../stores/store.ts';
import type { PodRequest } from './pods.ts';

/** The user the daemon runs as (undefined if unknown). `canChangeOwners`: it may give files to others. */
export type FileGiver = { readonly user: number | undefined; readonly canChangeOwners: boolean };

type AdmittedPod = {
  /** With the containers of the request, the token of its account, and only volumes that a container mounts. */
  readonly pod: Pod;
  /** Names of the volumes that Lantern makes. */
  readonly projected: ReadonlySet<string>;
  readonly notices: readonly Notice[];
};

const MOUNTABLE_ONLY = 'kubernetes.io/enforce-mountable-secrets';

/**
 * Does the API server's admission, and checks before any mount all that can fail: account, allowed Secrets, objects.
 * Throws `invalid-argument` for an unknown container, `permission-denied`, MISSING_OBJECTS with all that are missing.
 */
export async function admitPod(
  request: PodRequest,
  { source, giver }: { readonly source: Source; readonly giver: FileGiver },
  signal: AbortSignal,
): Promise<AdmittedPod> {
  const chosen = withContainers(request.pod, request.containers);
  const ref = accountRef(request.pod);
  const account = await resolveAccount(source, ref, signal);
  if (account === undefined) throw missing([describeRef(ref)]);
  // As in Kubernetes this applies to the whole pod, also if only some containers are mounted.
  if (account.metadata.annotations.get(MOUNTABLE_ONLY) === 'true') requireMountable(request.pod, account);
  const complete = onlyUsed(withTokenVolume(chosen, account));
  const notices: Notice[] = [];
  for (const volume of complete.volumes) {
    if (volume.kind !== 'other') continue;
    const message = `the volume "${volume.name}" is of the type ${volume.type}, which Lantern does not make; it is left out`;
    notices.push({ reason: 'UnsupportedVolume', message });
  }
  for (const volume of complete.volumes) {
    if (volume.kind !== 'projected' || volume.definition.kind !== 'inline') continue;
    notices.push(...uidNoticesOf(volume.definition.spec, complete.facts));
  }
  const pod = withOwnedTokens(complete, request, giver, notices);
  await requireObjects(pod, source, signal);
  return { pod, projected: projectedNames(pod), notices };
}

/** Objects that the pod is mounted from, its account first; without image pull secrets, which are optional. */
export function podRefs(pod: Pod): readonly ObjectRef[] {
  return [accountRef(pod), ...contentRefs(pod).map(({ ref }) => ref)];
}

function accountRef({ namespace, facts }: Pod): ObjectRef {
  return { kind: 'ServiceAccount', namespace, name: facts.serviceAccountName };
}

function contentRefs({ volumes, containers, namespace }: Pod): readonly NeededObject[] {
  const refs: NeededObject[] = [];
  for (const volume of volumes) {
    if (volume.kind !== 'projected' || volume.definition.kind !== 'inline') continue;
    refs.push(...objectRefsOf(volume.definition.spec, namespace));
  }
  for (const { env } of containers) refs.push(...environmentRefsOf(env, namespace));
  return refs;
}

async function requireObjects(pod: Pod, source: Source, signal: AbortSignal): Promise<void> {
  const required: NeededObject[] = [];
  for (const needed of contentRefs(pod)) if (!needed.optional) required.push(needed);
  const found = await resolveObjects(source, required, signal);
  const absent = new Set<string>();
  for (const { ref } of required) if (!found.has(refKey(ref))) absent.add(describeRef(ref));
  if (absent.size > 0) throw missing([...absent]);
}

function missing(objects: readonly string[]): LanternError {
  const messages = objects.map((object) => `${object} does not exist`);
  return new LanternError('failed-precondition', messages.join('; '), { reason: 'MISSING_OBJECTS' });
}

/** Throws `permission-denied` with every Secret that the account does not name. */
function requireMountable(pod: Pod, account: StoredServiceAccount): void {
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

/** All containers if `wanted` is empty. */
function withContainers(pod: Pod, wanted: readonly string[]): Pod {
  if (wanted.length === 0) return pod;
  const names = new Set<string>();
  for (const { name } of pod.containers) names.add(name);
  const unknown = wanted.filter((name) => !names.has(name));
  if (unknown.length > 0) {
    const quoted = unknown.map((name) => `"${name}"`).join(', ');
    const message = `the pod has no container ${quoted}; there are ${[...names].join(', ')}`;
    throw invalid([{ field: 'containers', message }]);
  }
  const chosen = new Set(wanted);
  return { ...pod, containers: pod.containers.filter(({ name }) => chosen.has(name)) };
}

function onlyUsed(pod: Pod): Pod {
  const used = new Set<string>();
  for (const { mounts } of pod.containers) for (const { volumeName } of mounts) used.add(volumeName);
  return { ...pod, volumes: pod.volumes.filter(({ name }) => used.has(name)) };
}

function projectedNames({ volumes }: Pod): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { kind, name } of volumes) if (kind === 'projected') names.add(name);
  return names;
}

/** Clients look here for the token of their pod. */
const TOKEN_MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';

/** As in the API server's admission: an hour, and some seconds that distinguish it from a requested token. */
const EXPIRATION_SECONDS = 3607;

const TOKEN_VOLUME_NAME = 'kube-api-access';

/** Not parsed from a volume source: a start of the daemon would wait for that. All pods share it. */
const TOKEN_SPEC: VolumeSpec = {
  sources: [
    {
      kind: 'serviceAccountToken',
      audience: '',
      expirationSeconds: EXPIRATION_SECONDS,
      path: pathOf('token'),
      user: undefined,
    },
    {
      kind: 'configMap',
      name: 'kube-root-ca.crt',
      items: [{ key: 'ca.crt', path: pathOf('ca.crt'), ...NO_ATTRIBUTES }],
      optional: true,
    },
    {
      kind: 'downwardAPI',
      items: [{ path: pathOf('namespace'), ...NO_ATTRIBUTES, value: { kind: 'field', field: { kind: 'namespace' } } }],
    },
  ],
  ...VOLUME_DEFAULTS,
};

function pathOf(text: string): RelativePath {
  return orThrow(parseRelativePath(text, ''));
}

/**
 * Mounts the account's token in every container without a mount in its place, unless automatic mounting is off. The
 * pod's setting overrides its account's.
 */
function withTokenVolume(pod: Pod, account: StoredServiceAccount): Pod {
  if (!(pod.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true)) return pod;
  const projected = projectedNames(pod);
  const volumeName = freeName(pod);
  const mount = { volumeName, mountPath: TOKEN_MOUNT_PATH, readOnly: true, subPath: undefined };
  const containers: PodContainer[] = [];
  let isNeeded = false;
  for (const container of pod.containers) {
    const needsToken = !hasTokenMount(container);
    if (needsToken) requireRoom(container, projected, pod);
    isNeeded ||= needsToken;
    containers.push(needsToken ? { ...container, mounts: [...container.mounts, mount] } : container);
  }
  if (!isNeeded) return pod;
  const definition = { kind: 'inline', spec: TOKEN_SPEC } as const;
  return { ...pod, volumes: [...pod.volumes, { name: volumeName, kind: 'projected', definition }], containers };
}

function hasTokenMount({ mounts }: PodContainer): boolean {
  for (const { mountPath } of mounts) if (mountPath === TOKEN_MOUNT_PATH) return true;
  return false;
}

/** `invalid-argument` for a volume around or in the token's place: mounts are read-only, so they cannot be nested. */
function requireRoom({ name, mounts }: PodContainer, projected: ReadonlySet<string>, { facts }: Pod): void {
  for (const { volumeName, mountPath } of mounts) {
    const isNested = isBelow(TOKEN_MOUNT_PATH, mountPath) || isBelow(mountPath, TOKEN_MOUNT_PATH);
    if (!isNested || !projected.has(volumeName)) continue;
    throw new LanternError(
      'invalid-argument',
      `mount the token of the pod "${facts.name}" at "${TOKEN_MOUNT_PATH}" for the container "${name}": the volume "${volumeName}" is mounted at "${mountPath}", and read-only; mount that elsewhere, or set automountServiceAccountToken to false`,
    );
  }
}

function freeName({ volumes }: Pod): string {
  const taken = new Set<string>();
  for (const { name } of volumes) taken.add(name);
  let name = TOKEN_VOLUME_NAME;
  for (let turn = 2; taken.has(name); turn++) name = `${TOKEN_VOLUME_NAME}-${turn}`;
  return name;
}

/**
 * Gives tokens to the one user of all containers, if there is one (the kubelet's rule), unless the volume names an
 * owner. A daemon that may not give files away relies on closed directories instead and adds a notice.
 */
function withOwnedTokens(pod: Pod, request: PodRequest, giver: FileGiver, notices: Notice[]): Pod {
  const user = request.runAsUser ?? request.pod.commonUser;
  if (request.open || user === undefined) return pod;
  let hasTokens = false;
  const volumes = pod.volumes.map((volume) => {
    if (volume.kind !== 'projected' || volume.definition.kind !== 'inline') return volume;
    const { spec } = volume.definition;
    if (spec.defaultUser !== undefined || !spec.sources.some(({ kind }) => kind === 'serviceAccountToken'))
      return volume;
    hasTokens = true;
    const sources = spec.sources.map((source) =>
      source.kind === 'serviceAccountToken' ? { ...source, user: source.user ?? user } : source,
    );
    return { ...volume, definition: { kind: 'inline' as const, spec: { ...spec, sources } } };
  });
  if (!hasTokens) return pod;
  if (user === giver.user || giver.canChangeOwners) return { ...pod, volumes };
  const message = `the daemon lacks CAP_CHOWN and CAP_FOWNER, so tokens are not files of the user ${user}: their modes are those of their volumes, and only the directories made for the pod keep others out`;
  notices.push({ reason: 'TokenNotGiven', message });
  return pod;
}

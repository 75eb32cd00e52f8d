import { LanternError } from '../base/errors.ts';
import { describeRef, type ObjectRef, refKey, type StoredServiceAccount } from '../objects/object.ts';
import { resolveAccount } from '../sources/resolve-account.ts';
import { resolveObjects } from '../sources/resolve-objects.ts';
import type { Source } from '../sources/source.ts';
import { environmentRefsOf, type NeededObject, objectRefsOf } from '../spec/object-refs.ts';
import type { Pod } from '../spec/pod.ts';

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

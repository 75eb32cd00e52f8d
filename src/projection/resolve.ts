import type { Slices } from '../base/steps.ts';
import type { EnvNameRule } from '../objects/env-names.ts';
import { type EventRecorder, type InvolvedObject, involvedPod } from '../objects/event.ts';
import { describeRef, type ObjectRef, refKey, type StoredSecret } from '../objects/object.ts';
import { resolveEnvironment as resolve } from '../payload/environment.ts';
import type { Notice } from '../payload/payload.ts';
import { matchingCredentials, type RegistryCredentials } from '../payload/registry-credentials.ts';
import { environmentRefsOf } from '../spec/object-refs.ts';
import { resolveAccount, resolveObjects } from '../stores/resolve-objects.ts';
import type { Source } from '../stores/store.ts';
import { refusalError } from './project.ts';
import type { CredentialsRequest, Environment, EnvironmentRequest } from './projector.ts';

type EnvironmentDependencies = {
  readonly source: Source;
  readonly allocatable: ReadonlyMap<string, string>;
  readonly events: EventRecorder;
  readonly environmentNames: EnvNameRule;
};

type CredentialsDependencies = { readonly source: Source; readonly events: EventRecorder; readonly slices: Slices };

/**
 * Container → objects as they are now → variables. Throws as rendering a volume does. What is skipped, and what cannot be
 * resolved, is an event of the pod.
 */
export async function resolveEnvironment(
  request: EnvironmentRequest,
  { source, allocatable, events, environmentNames }: EnvironmentDependencies,
  signal: AbortSignal,
): Promise<Environment> {
  const objects = await resolveObjects(source, environmentRefsOf(request.container, request.namespace), signal);
  const resolved = resolve({ ...request, objects, allocatable, names: environmentNames });
  if (!resolved.ok) {
    const error = refusalError(resolved);
    // Reason and first word are the kubelet's, when it cannot configure a container.
    record(request, events, 'Failed', `Error: ${error.message}`);
    throw error;
  }
  for (const { reason, message } of resolved.notices) record(request, events, reason, message);
  return resolved;
}

/** Without a pod there is nobody that the event could be about; the caller has it in the answer. */
function record(
  { pod, namespace, container }: EnvironmentRequest,
  events: EventRecorder,
  reason: string,
  message: string,
): void {
  const involved = involvedPod(namespace, pod, container.name === '' ? '' : `spec.containers{${container.name}}`);
  if (involved !== undefined) events.record({ involved, type: 'Warning', reason, message });
}

/** Each is a Secret to read, whose configuration may have a megabyte, or an event. */
const MOST_SECRETS = 64;

/**
 * The pod's image pull secrets, else those of its account → the logins for the image. What is left out is an event of
 * the pod, or of the account where the request names no pod.
 */
export async function resolveCredentials(
  request: CredentialsRequest,
  dependencies: CredentialsDependencies,
  signal: AbortSignal,
): Promise<RegistryCredentials> {
  const notices: Notice[] = [];
  const names =
    request.imagePullSecrets.length > 0
      ? request.imagePullSecrets
      : await accountSecrets(request, dependencies, notices, signal);
  const refs = [...new Set(names)].map((name): ObjectRef => ({ kind: 'Secret', namespace: request.namespace, name }));
  const tooMany = refs.splice(MOST_SECRETS);
  if (tooMany.length > 0) {
    notices.push(missing(`${tooMany.length} of more than ${MOST_SECRETS} image pull secrets are left out`));
  }
  const objects = await resolveObjects(dependencies.source, needed(refs), signal);
  const secrets: StoredSecret[] = [];
  for (const ref of refs) {
    const object = objects.get(refKey(ref));
    if (object?.kind === 'Secret') secrets.push(object);
    else notices.push(missing(`image pull secret ${describeRef(ref)} does not exist; it is left out`));
  }
  const matched = await dependencies.slices.run(matchingCredentials(request.image, secrets));
  notices.push(...matched.notices);
  const involved = involvedIn(request);
  for (const notice of notices) dependencies.events.record({ involved, type: 'Warning', ...notice });
  return { credentials: matched.credentials, notices };
}

function involvedIn({ namespace, pod, serviceAccountName: name }: CredentialsRequest): InvolvedObject {
  return involvedPod(namespace, pod) ?? { kind: 'ServiceAccount', namespace, name, uid: '', fieldPath: '' };
}

async function accountSecrets(
  { namespace, serviceAccountName: name }: CredentialsRequest,
  { source }: CredentialsDependencies,
  notices: Notice[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const account = await resolveAccount(source, { namespace, name }, signal);
  if (account !== undefined) return account.imagePullSecrets;
  const ref: ObjectRef = { kind: 'ServiceAccount', namespace, name };
  notices.push(missing(`${describeRef(ref)} does not exist; it has no image pull secrets to use`));
  return [];
}

function needed(refs: readonly ObjectRef[]) {
  return refs.map((ref) => ({ ref, optional: true }));
}

/** The kubelet's reason for the event. */
function missing(message: string): Notice {
  return { reason: 'FailedToRetrieveImagePullSecret', message };
}

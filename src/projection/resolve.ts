import type { Slices } from '../base/steps.ts';
import type { EnvNameRule } from '../objects/env-names.ts';
import { type EventRecorder, involvedPod } from '../objects/event.ts';
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

/** Container → newest objects → variables. Errors as for rendering a volume; omissions cause events of the pod. */
export async function resolveEnvironment(
  request: EnvironmentRequest,
  { source, allocatable, events, environmentNames }: EnvironmentDependencies,
  signal: AbortSignal,
): Promise<Environment> {
  const objects = await resolveObjects(source, environmentRefsOf(request.container, request.namespace), signal);
  const resolved = resolve({ ...request, objects, allocatable, names: environmentNames });
  if (resolved.ok) {
    for (const notice of resolved.notices) record(request, events, notice);
    return resolved;
  }
  const error = refusalError(resolved);
  // Reason and first word are the kubelet's for a container it cannot configure.
  record(request, events, { reason: 'Failed', message: `Error: ${error.message}` });
  throw error;
}

/** Without a pod the event would have no subject; the caller has it in the response. */
function record({ pod, namespace, container }: EnvironmentRequest, events: EventRecorder, notice: Notice): void {
  const involved = involvedPod(namespace, pod, container.name === '' ? '' : `spec.containers{${container.name}}`);
  if (involved !== undefined) events.record({ involved, type: 'Warning', ...notice });
}

/** Each is a Secret to read, with up to a megabyte, or an event. */
const MAX_SECRETS = 64;

type CredentialsDependencies = { readonly source: Source; readonly events: EventRecorder; readonly slices: Slices };

/** The pod's image pull secrets, else its account's → logins. Omissions cause events of the pod, or of the account. */
export async function resolveCredentials(
  request: CredentialsRequest,
  { source, events, slices }: CredentialsDependencies,
  signal: AbortSignal,
): Promise<RegistryCredentials> {
  const { namespace, pod, serviceAccountName: name } = request;
  const account: ObjectRef = { kind: 'ServiceAccount', namespace, name };
  const notices: Notice[] = [];
  let names: readonly string[] | undefined = request.imagePullSecrets;
  if (names.length === 0) names = (await resolveAccount(source, { namespace, name }, signal))?.imagePullSecrets;
  if (names === undefined) {
    notices.push(missing(`${describeRef(account)} does not exist; it has no image pull secrets to use`));
  }
  const unique = [...new Set(names)];
  const refs: ObjectRef[] = [];
  for (const secret of unique.slice(0, MAX_SECRETS)) refs.push({ kind: 'Secret', namespace, name: secret });
  if (unique.length > refs.length) {
    const excess = unique.length - refs.length;
    notices.push(missing(`${excess} of more than ${MAX_SECRETS} image pull secrets are left out`));
  }
  const secrets = await readSecrets(refs, source, notices, signal);
  const matched = secrets.length > 0 ? await slices.run(matchingCredentials(request.image, secrets)) : NO_CREDENTIALS;
  notices.push(...matched.notices);
  for (const notice of notices) {
    const involved =
      involvedPod(namespace, pod) ?? ({ ...account, kind: 'ServiceAccount', uid: '', fieldPath: '' } as const);
    events.record({ involved, type: 'Warning', ...notice });
  }
  return { credentials: matched.credentials, notices };
}

const NO_CREDENTIALS: RegistryCredentials = { credentials: [], notices: [] };

async function readSecrets(
  refs: readonly ObjectRef[],
  source: Source,
  notices: Notice[],
  signal: AbortSignal,
): Promise<readonly StoredSecret[]> {
  if (refs.length === 0) return [];
  const needed = refs.map((ref) => ({ ref, optional: true }));
  const objects = await resolveObjects(source, needed, signal);
  const secrets: StoredSecret[] = [];
  for (const ref of refs) {
    const object = objects.get(refKey(ref));
    if (object?.kind === 'Secret') secrets.push(object);
    else notices.push(missing(`image pull secret ${describeRef(ref)} does not exist; it is left out`));
  }
  return secrets;
}

/** The reason is the kubelet's. */
function missing(message: string): Notice {
  return { reason: 'FailedToRetrieveImagePullSecret', message };
}

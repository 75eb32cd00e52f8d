import { type InvolvedObject, involvedPod } from '../objects/event.ts';
import { describeRef, type ObjectRef, refKey, type StoredSecret } from '../objects/object.ts';
import type { Notice } from '../payload/notice.ts';
import { matchingCredentials, type RegistryCredentials } from '../payload/registry-credentials.ts';
import { resolveAccount } from '../sources/resolve-account.ts';
import { resolveObjects } from '../sources/resolve-objects.ts';
import type { CredentialsRequest } from './projector.ts';
import type { Stages } from './stages.ts';

/** Each is a Secret to read, whose configuration may have a megabyte, or an event. */
const MOST_SECRETS = 64;

/**
 * The pod's image pull secrets, else those of its account → the logins for the image. What is left out is an event of
 * the pod, or of the account where the request names no pod.
 */
export async function resolveCredentials(
  request: CredentialsRequest,
  stages: Pick<Stages, 'source' | 'recorder' | 'slices'>,
  signal: AbortSignal,
): Promise<RegistryCredentials> {
  const notices: Notice[] = [];
  const names =
    request.imagePullSecrets.length > 0
      ? request.imagePullSecrets
      : await accountSecrets(request, stages, notices, signal);
  const refs = [...new Set(names)].map((name): ObjectRef => ({ kind: 'Secret', namespace: request.namespace, name }));
  const tooMany = refs.splice(MOST_SECRETS);
  if (tooMany.length > 0) {
    notices.push(missing(`${tooMany.length} of more than ${MOST_SECRETS} image pull secrets are left out`));
  }
  const objects = await resolveObjects(stages.source, needed(refs), signal);
  const secrets: StoredSecret[] = [];
  for (const ref of refs) {
    const object = objects.get(refKey(ref));
    if (object?.kind === 'Secret') secrets.push(object);
    else notices.push(missing(`image pull secret ${describeRef(ref)} does not exist; it is left out`));
  }
  const matched = await stages.slices.run(matchingCredentials(request.image, secrets));
  notices.push(...matched.notices);
  const involved = involvedIn(request);
  for (const notice of notices) stages.recorder.record({ involved, type: 'Warning', ...notice });
  return { credentials: matched.credentials, notices };
}

function involvedIn({ namespace, pod, serviceAccountName: name }: CredentialsRequest): InvolvedObject {
  return involvedPod(namespace, pod) ?? { kind: 'ServiceAccount', namespace, name, uid: '', fieldPath: '' };
}

async function accountSecrets(
  { namespace, serviceAccountName: name }: CredentialsRequest,
  { source }: Pick<Stages, 'source'>,
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

import { finish, type Steps } from '../base/steps.ts';
import { describeRef, refOf, type StoredSecret } from '../objects/object.ts';
import type { ImageReference } from '../spec/image-reference.ts';
import { byteOrder } from './byte-order.ts';
import { type DockerLogin, readDockerConfig } from './docker-config.ts';
import type { Notice } from './notice.ts';
import { isDefaultFor, matchesImage } from './registry-match.ts';

/** A login that is for the image, and the Secret that it comes from. */
export type RegistryCredential = DockerLogin & { readonly secretName: string };

export type RegistryCredentials = {
  /** Most specific first; to be tried in this order. */
  readonly credentials: readonly RegistryCredential[];
  readonly notices: readonly Notice[];
};

/**
 * The logins of `secrets` that are for the image, as the kubelet's keyring finds them: keys in reverse byte order, so
 * that a longer path comes before a shorter one and a name before a pattern; under one key in the order of the
 * secrets. The default registry's own entry counts only where nothing else matches.
 */
export function matchCredentials(image: ImageReference, secrets: readonly StoredSecret[]): RegistryCredentials {
  return finish(matchingCredentials(image, secrets));
}

/** `matchCredentials` in steps: a configuration of a megabyte takes tens of milliseconds. */
export function* matchingCredentials(
  image: ImageReference,
  secrets: readonly StoredSecret[],
): Steps<RegistryCredentials> {
  const notices: Notice[] = [];
  const all: RegistryCredential[] = [];
  for (const secret of secrets) {
    const { logins, problems } = readDockerConfig(secret);
    const origin = describeRef(refOf(secret));
    notices.push(...problems.map((problem) => unusable(`image pull secret ${origin}: ${problem}; it is left out`)));
    for (const login of logins) all.push({ ...login, secretName: secret.metadata.name });
    yield;
  }
  const matching = all.filter(({ key }) => matchesImage(key, image));
  const chosen = matching.length > 0 ? matching : all.filter(({ key }) => isDefaultFor(key, image));
  return { credentials: chosen.sort((a, b) => byteOrder(b.key, a.key)), notices };
}

function unusable(message: string): Notice {
  return { reason: 'InvalidImagePullSecret', message };
}

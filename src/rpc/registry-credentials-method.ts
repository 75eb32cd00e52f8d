import { parseNamespace, parseObjectName } from '../objects/names.ts';
import type { Projector } from '../projection/projector.ts';
import { parseImageReference } from '../spec/image-reference.ts';
import { Reading } from './reading.ts';
import type { ProjectorMethods } from './services.ts';

/** Projector.ResolveRegistryCredentials. */
export function resolveRegistryCredentialsMethod(projector: Projector): ProjectorMethods['resolveRegistryCredentials'] {
  return async (request, signal) => {
    const reading = new Reading();
    const image = reading.take(parseImageReference(request.image, 'image'));
    const namespace = reading.take(parseNamespace(request.namespace || 'default', 'namespace'));
    const { imagePullSecrets } = request;
    for (const [index, name] of imagePullSecrets.entries()) {
      reading.take(parseObjectName(name, `image_pull_secrets[${index}]`));
    }
    const serviceAccountName = reading.take(
      parseObjectName(request.serviceAccountName || 'default', 'service_account_name'),
    );
    if (image === undefined || namespace === undefined || serviceAccountName === undefined || !reading.isGood)
      throw reading.error();
    const resolved = await projector.resolveCredentials(
      { namespace, image, imagePullSecrets, serviceAccountName },
      signal,
    );
    return {
      registry: image.registry,
      credentials: resolved.credentials.map(({ key, username, password, secretName }) => {
        return { match: key, username, password, secretName };
      }),
      notices: resolved.notices.map(({ reason, message }) => ({ reason, message })),
    };
  };
}

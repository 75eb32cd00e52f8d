import { goJson } from '../base/go-json.ts';

/** What somebody logs in to a registry with. */
export type RegistryLogin = {
  readonly server: string;
  readonly username: string;
  readonly password: string;
  readonly email: string | undefined;
};

/** The key of a Secret of type `kubernetes.io/dockerconfigjson`. */
export const DOCKER_CONFIG_KEY = '.dockerconfigjson';

/** The value of that key, byte for byte as `kubectl create secret docker-registry` writes it: hashes of it are compared. */
export function registryConfig({ server, username, password, email }: RegistryLogin): Uint8Array {
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  return Buffer.from(goJson({ auths: { [server]: { username, password, email: email || undefined, auth } } }));
}

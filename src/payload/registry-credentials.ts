import { isFields } from '../base/parsed.ts';
import { finish, type Steps } from '../base/steps.ts';
import { parseBoundedJson } from '../objects/bounded-json.ts';
import { describeRef, refOf, type StoredSecret } from '../objects/object.ts';
import { DOCKER_CONFIG_LIMITS } from '../objects/text-limits.ts';
import { DEFAULT_REGISTRY, type ImageReference } from '../spec/image-reference.ts';
import { byteOrder, type Notice } from './payload.ts';

/** A login for the image, and the Secret it comes from. */
export type RegistryCredential = DockerLogin & { readonly secretName: string };

export type RegistryCredentials = {
  /** Most specific first: the order to try them in. */
  readonly credentials: readonly RegistryCredential[];
  readonly notices: readonly Notice[];
};

/**
 * Finds the logins for the image like the kubelet's keyring. Keys are in reverse byte order, so that a longer path
 * precedes a shorter one and a name precedes a pattern; logins of one key are in the order of `secrets`. The default
 * registry's own entry counts only if nothing else matches.
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
    for (const problem of problems) {
      notices.push({
        reason: 'InvalidImagePullSecret',
        message: `image pull secret ${origin}: ${problem}; it is left out`,
      });
    }
    for (const login of logins) all.push({ ...login, secretName: secret.metadata.name });
    yield;
  }
  const matching = all.filter(({ key }) => matchesImage(key, image));
  const isDefault = image.registry === DEFAULT_REGISTRY;
  const chosen = matching.length > 0 ? matching : all.filter(({ key }) => isDefault && key === DEFAULT_KEY);
  return { credentials: chosen.sort((a, b) => byteOrder(b.key, a.key)), notices };
}

type DockerLogin = {
  /** The pattern for images, e.g. `registry.example:5000/team`; see `registryKey`. */
  readonly key: string;
  readonly username: string;
  readonly password: string;
};

/** Problems contain nothing of an entry but its registry, or its number if the registry's name is malformed. */
type DockerConfig = { readonly logins: readonly DockerLogin[]; readonly problems: readonly string[] };

/** Reads the logins of an image pull secret. Malformed entries are reported and skipped. */
function readDockerConfig({ type, data }: StoredSecret): DockerConfig {
  switch (type) {
    case 'kubernetes.io/dockerconfigjson': {
      const config = jsonObject(data.get('.dockerconfigjson'));
      if (config === undefined) return unusable('data[.dockerconfigjson] is not a JSON object');
      const auths = Object.hasOwn(config, 'auths') ? config.auths : undefined;
      return isFields(auths) ? readLogins(auths) : unusable('data[.dockerconfigjson] has no object "auths"');
    }
    case 'kubernetes.io/dockercfg': {
      const config = jsonObject(data.get('.dockercfg'));
      return config === undefined ? unusable('data[.dockercfg] is not a JSON object') : readLogins(config);
    }
    default:
      return unusable('its type must be kubernetes.io/dockerconfigjson or kubernetes.io/dockercfg');
  }
}

function unusable(problem: string): DockerConfig {
  return { logins: [], problems: [problem] };
}

function readLogins(auths: Readonly<Record<string, unknown>>): DockerConfig {
  const read = Object.entries(auths).map(([location, entry], index) => {
    const key = registryKey(location);
    if (key === undefined) return `entry ${index + 1} is not under the name of a registry`;
    const login = readLogin(key, entry);
    return typeof login === 'string' ? `${entryOf(key, index)} ${login}` : login;
  });
  return {
    logins: read.filter((login) => typeof login !== 'string'),
    problems: read.filter((login) => typeof login === 'string'),
  };
}

/** Names the registry only if its name is well-formed; a malformed one may contain anything. */
function entryOf(key: string, index: number): string {
  return /^[-\w.*?:[\]/]{1,255}$/.test(key) ? `the entry for "${key}"` : `entry ${index + 1}`;
}

/** Returns the login or a fault. `auth` wins over `username` and `password`. */
function readLogin(key: string, entry: unknown): DockerLogin | string {
  if (!isFields(entry)) return 'is not a JSON object';
  const { auth, username, password } = entry;
  if (auth !== undefined && auth !== '') {
    const pair = decodeAuth(auth);
    return pair === undefined ? 'has an "auth" that is not base64 of username:password' : { key, ...pair };
  }
  if (typeof username === 'string' && typeof password === 'string') return { key, username, password };
  return 'has neither "auth" nor both "username" and "password"';
}

/** Accepts padding and line breaks like Go's decoders. The first colon ends the username. */
function decodeAuth(written: unknown): Pick<DockerLogin, 'username' | 'password'> | undefined {
  if (typeof written !== 'string') return undefined;
  const auth = written.replace(/[\r\n]+/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(auth) || (auth.endsWith('=') && auth.length % 4 !== 0)) return undefined;
  const text = utf8(Buffer.from(auth, 'base64'));
  const colon = text?.indexOf(':') ?? -1;
  if (text === undefined || colon === -1) return undefined;
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function jsonObject(bytes: Uint8Array | undefined): Readonly<Record<string, unknown>> | undefined {
  const json = bytes === undefined ? undefined : parseBoundedJson(bytes, DOCKER_CONFIG_LIMITS);
  return json?.ok && isFields(json.value) ? json.value : undefined;
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The host that `docker login` writes by default. Images without a registry fall back to it. */
const DEFAULT_KEY = 'index.docker.io';

/** Host, port and path of a registry's name. A leading /v1 or /v2 is dropped. Undefined for a malformed name. */
function registryKey(location: string): string | undefined {
  const schemeless = location.replace(/^https?:\/\//, '');
  const [host = '', ...rest] = schemeless.split('/');
  if (!/^[-\w.*?:[\]]+$/.test(host)) return undefined;
  const path = rest.length === 0 ? '' : `/${rest.join('/')}`;
  const effective = /^\/v[12]\//.test(path) ? path.slice('/v1'.length) : path;
  return effective === '/' ? host : `${host}${effective}`;
}

/** The kubelet's rule: equal ports, each host label matches its pattern, the key's path is a prefix of the image's. */
function matchesImage(key: string, { registry, repository }: ImageReference): boolean {
  const slash = key.indexOf('/');
  const pattern = hostOf(slash === -1 ? key : key.slice(0, slash));
  const host = hostOf(registry);
  if (pattern.port !== host.port || pattern.labels.length !== host.labels.length) return false;
  if (slash !== -1 && !`/${repository}`.startsWith(key.slice(slash))) return false;
  return pattern.labels.every((label, index) => matchesLabel(label, host.labels[index] ?? ''));
}

function hostOf(text: string): { readonly labels: readonly string[]; readonly port: string } {
  const [, host = text, port = ''] = /^(.*):([0-9]+)$/.exec(text) ?? [];
  return { labels: host.split('.'), port };
}

/** `*` matches any text within a label, `?` one character. Linear except for one step back per star. */
function matchesLabel(pattern: string, label: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  let position = 0;
  while (position < label.length) {
    if (pattern[at] === '*') {
      star = at++;
      resume = position;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === label[position])) {
      at++;
      position++;
    } else if (star !== -1) {
      at = star + 1;
      position = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

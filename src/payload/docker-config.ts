import { isFields } from '../base/fields.ts';
import { parseBoundedJson } from '../objects/bounded-json.ts';
import type { StoredSecret } from '../objects/object.ts';
import { DOCKER_CONFIG_LIMITS } from '../objects/text-limits.ts';
import { registryKey } from './registry-match.ts';

/** One entry of a docker configuration. */
export type DockerLogin = {
  /** What it is matched by, e.g. `registry.example:5000/team`; see `registryKey`. */
  readonly key: string;
  readonly username: string;
  readonly password: string;
};

/** What is wrong with an entry or with the whole, without any bytes of it but the registry's name; a number where that is none. */
export type DockerConfig = { readonly logins: readonly DockerLogin[]; readonly problems: readonly string[] };

/** The logins of an image pull secret. What is malformed is left out and said; the rest counts. */
export function readDockerConfig({ type, data }: StoredSecret): DockerConfig {
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

/** For people: which registry's it is, unless that could be anything. */
function entryOf(key: string, index: number): string {
  return /^[-\w.*?:[\]/]{1,255}$/.test(key) ? `the entry for "${key}"` : `entry ${index + 1}`;
}

/** The login, or what is wrong with it. Where there is `auth`, username and password do not count. */
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

/** Padded or not, in lines or not, as Go's decoders take it; the first colon ends the username. */
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

import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/** A container image's full name: `busybox` is `docker.io/library/busybox`. */
export type ImageReference = {
  /** Host with optional port; `docker.io` by default. */
  readonly registry: string;
  /** Path below the registry, without tag and digest. */
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
};

export const DEFAULT_REGISTRY = 'docker.io';

const HOST_LABEL = '[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?';
const REGISTRY = new RegExp(`^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]{1,5})?$`);
const COMPONENT = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const TAG = /^\w[-.\w]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const MAX_NAME = 255;

/** `[REGISTRY[:PORT]/]PATH[:TAG][@DIGEST]`, with the distribution project's grammar and defaults. */
export function parseImageReference(text: string, field: string): Parsed<ImageReference> {
  const refuse = (message: string): Parsed<ImageReference> => faulty([{ field, message }]);
  if (text === '') return refuse('must not be empty');
  const [named = '', digest, ...more] = text.split('@');
  if (more.length > 0) return refuse('must have one @ at most, before the digest');
  // A colon before the last slash belongs to the registry's port.
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const name = colon === -1 ? named : named.slice(0, colon);
  const tag = colon === -1 ? undefined : named.slice(colon + 1);
  const { registry, repository } = splitName(name);
  if (!REGISTRY.test(registry))
    return refuse('must start with a registry such as registry.example:5000, or with a path');
  if (!repository.split('/').every((component) => COMPONENT.test(component))) {
    return refuse('must have a path of lower-case letters and digits, separated by /, ., _ or -');
  }
  if (registry.length + 1 + repository.length > MAX_NAME) return refuse(`must be no more than ${MAX_NAME} characters`);
  if (tag !== undefined && !TAG.test(tag)) {
    return refuse("must have a tag of at most 128 letters, digits, '_', '.' and '-', not starting with '.' or '-'");
  }
  if (digest !== undefined && !DIGEST.test(digest)) return refuse('must have a digest such as sha256:… in hexadecimal');
  return parsed({ registry, repository, tag, digest });
}

/** The first part is a registry only if it cannot be part of a path. */
function splitName(name: string): { readonly registry: string; readonly repository: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const isRegistry = /[.:A-Z]/.test(first) || first === 'localhost';
  const registry = isRegistry ? first : DEFAULT_REGISTRY;
  const path = isRegistry ? name.slice(slash + 1) : name;
  if (registry !== DEFAULT_REGISTRY && registry !== 'index.docker.io') return { registry, repository: path };
  return { registry: DEFAULT_REGISTRY, repository: path.includes('/') ? path : `library/${path}` };
}

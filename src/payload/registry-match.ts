import type { ImageReference } from '../spec/image-reference.ts';
import { DEFAULT_REGISTRY } from '../spec/image-reference.ts';

/** The host that `docker login` without a registry writes; an image without a registry falls back to it. */
const DEFAULT_KEY = 'index.docker.io';

/**
 * A registry as a docker configuration names it → the key it is matched by: host, port and path, without the scheme
 * and without a leading /v1 or /v2, which stand for the whole registry. Undefined where it is no such name.
 */
export function registryKey(location: string): string | undefined {
  const schemeless = location.replace(/^https?:\/\//, '');
  const [host = '', ...rest] = schemeless.split('/');
  if (!/^[-\w.*?:[\]]+$/.test(host)) return undefined;
  const path = rest.length === 0 ? '' : `/${rest.join('/')}`;
  const effective = /^\/v[12]\//.test(path) ? path.slice('/v1'.length) : path;
  return effective === '/' ? host : `${host}${effective}`;
}

/**
 * Whether credentials under this key are for the image, as the kubelet decides: the same port, each label of the host
 * by its pattern, and the key's path a prefix of the image's.
 */
export function matchesImage(key: string, { registry, repository }: ImageReference): boolean {
  const slash = key.indexOf('/');
  const pattern = hostOf(slash === -1 ? key : key.slice(0, slash));
  const host = hostOf(registry);
  if (pattern.port !== host.port || pattern.labels.length !== host.labels.length) return false;
  if (slash !== -1 && !`/${repository}`.startsWith(key.slice(slash))) return false;
  return pattern.labels.every((label, index) => matchesLabel(label, host.labels[index] ?? ''));
}

/** Whether the key's credentials are for images of the default registry, when nothing else matches. */
export function isDefaultFor(key: string, { registry }: ImageReference): boolean {
  return key === DEFAULT_KEY && registry === DEFAULT_REGISTRY;
}

function hostOf(text: string): { readonly labels: readonly string[]; readonly port: string } {
  const [, host = text, port = ''] = /^(.*):([0-9]+)$/.exec(text) ?? [];
  return { labels: host.split('.'), port };
}

/** `*` stands for any text within a label, `?` for one character. Linear but for one step back per star. */
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

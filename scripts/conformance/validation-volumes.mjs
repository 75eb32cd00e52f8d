import { container, pod, withVolume } from './validation-pod.mjs';

/** @typedef {import('./validation-values.mjs').Fields} Fields */
/** @typedef {import('./validation-values.mjs').Case} Case */

/** Where two sources of a volume show something at one path. @returns {Case[]} */
export function samePathCases() {
  const secret = (/** @type {string[]} */ ...paths) => ({ items: paths.map((path) => ({ key: 'k', path })) });
  const token = (/** @type {string} */ path) => ({ serviceAccountToken: { path } });
  const fact = (/** @type {string} */ path) => ({
    downwardAPI: { items: [{ path, fieldRef: { fieldPath: 'metadata.name' } }] },
  });
  const projected = (/** @type {Fields[]} */ ...sources) => withVolume({ projected: { sources } });
  return [
    { name: 'one path twice in a Secret', object: withVolume({ secret: { secretName: 's', ...secret('p', 'p') } }) },
    { name: 'one path twice in a ConfigMap', object: withVolume({ configMap: { name: 'c', ...secret('p', 'p') } }) },
    {
      name: 'one path twice in the downward API',
      object: withVolume({ downwardAPI: { items: [fact('p'), fact('p')].flatMap((each) => each.downwardAPI.items) } }),
    },
    { name: 'one path twice in a projected Secret', object: projected({ secret: { name: 's', ...secret('p', 'p') } }) },
    {
      name: 'one path in two projected Secrets',
      object: projected({ secret: { name: 's', ...secret('p') } }, { secret: { name: 't', ...secret('p') } }),
    },
    {
      name: 'one path in a Secret and the downward API',
      object: projected({ secret: { name: 's', ...secret('p') } }, fact('p')),
    },
    {
      name: 'one path in a Secret and a token',
      object: projected({ secret: { name: 's', ...secret('p') } }, token('p')),
    },
    {
      name: 'one path in a token and a Secret',
      object: projected(token('p'), { secret: { name: 's', ...secret('p') } }),
    },
    { name: 'one path in two tokens', object: projected(token('p'), token('p')) },
    { name: 'one path in a token and the downward API', object: projected(token('p'), fact('p')) },
    {
      name: 'one path in two spellings',
      object: projected({ secret: { name: 's', ...secret('a/b') } }, { secret: { name: 't', ...secret('a//b') } }),
    },
    {
      name: 'a file and a directory of one path',
      object: projected({ secret: { name: 's', ...secret('a') } }, { secret: { name: 't', ...secret('a/b') } }),
    },
    { name: 'two whole Secrets', object: projected({ secret: { name: 's' } }, { secret: { name: 't' } }) },
  ];
}

/** @returns {Case[]} */
export function mountCases() {
  const volumes = [
    { name: 'v', secret: { secretName: 's' } },
    { name: 'w', emptyDir: {} },
  ];
  const at = (/** @type {[string, string][]} */ ...mounts) =>
    pod({
      volumes,
      containers: [container({ volumeMounts: mounts.map(([name, mountPath]) => ({ name, mountPath })) })],
    });
  return [
    { name: 'two mounts at one place', object: at(['v', '/a'], ['w', '/a']) },
    { name: 'two mounts at one place in two spellings', object: at(['v', '/a'], ['w', '/a/']) },
    { name: 'a mount inside another of a Secret', object: at(['v', '/a'], ['v', '/a/b']) },
    { name: 'a mount inside another of an emptyDir', object: at(['w', '/a'], ['v', '/a/b']) },
    { name: 'one volume at two places', object: at(['v', '/a'], ['v', '/b']) },
    { name: 'a mount of everything', object: at(['v', '/']) },
  ];
}

/**
 * A valid object with one mistake: a field left out, of another type, empty, or misspelt.
 *
 * @typedef {{ name: string, object: unknown }} Mutation
 */

/** Values of the wrong type. @type {readonly (readonly [string, unknown])[]} */
const OTHER_VALUES = [
  ['null', null],
  ['an empty text', ''],
  ['a text', 'text'],
  ['a number', 7],
  ['true', true],
  ['an empty list', []],
  ['an empty mapping', {}],
];

/**
 * Every mutation of `object`, at every place that it has, by name: `spec.volumes[0].secret misspelt`.
 *
 * @param {unknown} object JSON
 * @returns {Mutation[]}
 */
export function mutationsOf(object) {
  return placesIn(object, []).flatMap((path) => {
    const name = path
      .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
      .join('')
      .slice(1);
    const found = valueAt(object, path);
    const others = OTHER_VALUES.filter(([, value]) => JSON.stringify(value) !== JSON.stringify(found));
    return [
      { name: `${name} left out`, object: changed(object, path, (parent, step) => remove(parent, step)) },
      ...others.map(([what, value]) => ({
        name: `${name} is ${what}`,
        object: changed(object, path, (parent, step) => Object.assign(parent, { [step]: value })),
      })),
      ...(typeof path.at(-1) === 'string' ? [{ name: `${name} misspelt`, object: misspelt(object, path) }] : []),
    ];
  });
}

/** @typedef {readonly (string | number)[]} Path */

/** Every place but the top. @param {unknown} value @param {Path} path @returns {Path[]} */
function placesIn(value, path) {
  const own = path.length > 0 ? [path] : [];
  if (Array.isArray(value)) return [...own, ...value.flatMap((each, index) => placesIn(each, [...path, index]))];
  if (typeof value !== 'object' || value === null) return own;
  return [...own, ...Object.entries(value).flatMap(([key, each]) => placesIn(each, [...path, key]))];
}

/** @param {unknown} object @param {Path} path @returns {unknown} */
function valueAt(object, path) {
  return path.reduce((value, step) => /** @type {any} */ (value)[step], object);
}

/** @param {unknown} object @param {Path} path @param {(parent: any, step: string | number) => void} change */
function changed(object, path, change) {
  const copy = structuredClone(object);
  change(valueAt(copy, path.slice(0, -1)), /** @type {string | number} */ (path.at(-1)));
  return copy;
}

/** @param {any} parent @param {string | number} step */
function remove(parent, step) {
  if (Array.isArray(parent)) parent.splice(Number(step), 1);
  else delete parent[step];
}

/** @param {unknown} object @param {Path} path */
function misspelt(object, path) {
  return changed(object, path, (parent, step) => {
    const key = String(step);
    parent[`${key.slice(0, -1)}${key.endsWith('s') ? '' : `${key.slice(-1)}s`}`] = parent[key];
    delete parent[key];
  });
}

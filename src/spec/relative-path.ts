import { faulty, type Parsed, parsed } from '../base/parsed.ts';

declare const relativePath: unique symbol;
/** A clean path in a volume: not empty, relative, no `.` or `..` element, first element not starting with `..`. */
export type RelativePath = string & { readonly [relativePath]: true };

const MAX_PATH_BYTES = 4096;
const MAX_ELEMENT_BYTES = 255;
/** Each element is a directory to create and a parent to compare with all other paths. */
const MAX_ELEMENTS = 32;

/** Cleans a path and checks Kubernetes' rules, the last ones after cleaning: `./..data` is the writer's own link. */
export function parseRelativePath(text: string, field: string): Parsed<RelativePath> {
  const elements: string[] = [];
  const problem = readElements(text, elements);
  return problem === undefined ? parsed(elements.join('/') as RelativePath) : faulty([{ field, message: problem }]);
}

/** Adds the relevant elements to `into`; returns the fault, if any. */
function readElements(text: string, into: string[]): string | undefined {
  if (text === '') return 'must not be empty';
  if (text.includes('\0')) return 'must not contain a NUL byte';
  if (text.startsWith('/')) return 'must be a relative path';
  if (Buffer.byteLength(text) > MAX_PATH_BYTES) return `must be no more than ${MAX_PATH_BYTES} bytes`;
  const elements = text.split('/');
  if (elements.includes('..')) return "must not contain '..'";
  for (const element of elements) {
    if (element === '' || element === '.') continue;
    if (into.length === 0 && element.startsWith('..')) return "must not start with '..'";
    if (into.length === MAX_ELEMENTS) return `must be no more than ${MAX_ELEMENTS} levels deep`;
    if (Buffer.byteLength(element) > MAX_ELEMENT_BYTES)
      return `each element must be no more than ${MAX_ELEMENT_BYTES} bytes`;
    into.push(element);
  }
  return into.length === 0 ? 'must name a file inside the volume' : undefined;
}

/** The directories above a path, nearest first: `a/b` and `a` for `a/b/c`. */
export function* parentsOf(path: string): Generator<string, void> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) yield path.slice(0, end);
}

export function firstElement(path: string): string {
  const end = path.indexOf('/');
  return end < 0 ? path : path.slice(0, end);
}

/** The part of a volume that a publication shows. `.`, the whole volume, is refused, as is `..` (Kubernetes' rule). */
export function parseSubPath(text: string, field: string): Parsed<RelativePath> {
  return parseRelativePath(text, field);
}

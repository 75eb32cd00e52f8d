import { faulty, type Parsed, parsed } from '../base/parsed.ts';

declare const relativePath: unique symbol;
/** A cleaned path inside a volume: not empty, relative, no `.` or `..` element, first element not starting with `..`. */
export type RelativePath = string & { readonly [relativePath]: true };

const MAX_PATH_BYTES = 4096;
const MAX_ELEMENT_BYTES = 255;
/** Each is a directory to make, and a parent to compare with all other paths. */
const MAX_ELEMENTS = 32;

/** The rules of semantics §1: Kubernetes', checked again after cleaning. `field` names the place in the input. */
export function parseRelativePath(text: string, field: string): Parsed<RelativePath> {
  const refuse = (message: string): Parsed<RelativePath> => faulty([{ field, message }]);
  if (text === '') return refuse('must not be empty');
  if (text.includes('\0')) return refuse('must not contain a NUL byte');
  if (text.startsWith('/')) return refuse('must be a relative path');
  if (Buffer.byteLength(text) > MAX_PATH_BYTES) return refuse(`must be no more than ${MAX_PATH_BYTES} bytes`);
  const given = text.split('/');
  if (given.includes('..')) return refuse("must not contain '..'");
  const elements = given.filter((element) => element !== '' && element !== '.');
  const first = elements[0];
  if (first === undefined) return refuse('must name a file inside the volume');
  if (first.startsWith('..') || given[0]?.startsWith('..')) return refuse("must not start with '..'");
  if (elements.length > MAX_ELEMENTS) return refuse(`must be no more than ${MAX_ELEMENTS} levels deep`);
  if (elements.some((element) => Buffer.byteLength(element) > MAX_ELEMENT_BYTES)) {
    return refuse(`each element must be no more than ${MAX_ELEMENT_BYTES} bytes`);
  }
  return parsed(elements.join('/') as RelativePath);
}

/**
 * The file or directory inside a volume that a publication shows. Kubernetes' rule for a subPath (relative, no `..`
 * element) and the rule for paths of a volume together: a first element that starts with `..` names what the writer
 * keeps for itself (`..data`, generations), and `.` would be the whole volume.
 */
export function parseSubPath(text: string, field: string): Parsed<RelativePath> {
  return parseRelativePath(text, field);
}

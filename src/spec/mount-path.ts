import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/** PATH_MAX without its NUL, and NAME_MAX. */
const MAX_BYTES = 4095;
const MAX_ELEMENT_BYTES = 255;
/** Lantern's own: each directory on the way is made, and later removed, by a walk from the top. */
const MAX_ELEMENTS = 100;

/**
 * A container's mountPath, as it is used: absolute, without empty and `.` elements. `..` is refused rather than resolved,
 * and so is `/` itself. Kubernetes forbids the colon, which separates paths in the options of container runtimes.
 */
export function parseMountPath(text: string, field: string): Parsed<string> {
  const refuse = (message: string): Parsed<string> => faulty([{ field, message }]);
  if (text === '') return refuse('is required');
  if (text.includes('\0')) return refuse('must not contain a NUL byte');
  if (text.includes(':')) return refuse("must not contain ':'");
  if (!text.startsWith('/')) return refuse('must be an absolute path');
  if (Buffer.byteLength(text) > MAX_BYTES) return refuse(`must be no more than ${MAX_BYTES} bytes`);
  const given = text.split('/');
  if (given.includes('..')) return refuse("must not contain '..'");
  const elements = given.filter((element) => element !== '' && element !== '.');
  if (elements.length === 0) return refuse("must not be '/': it would hide the whole container");
  if (elements.length > MAX_ELEMENTS) return refuse(`must be no more than ${MAX_ELEMENTS} directories deep`);
  if (elements.some((element) => Buffer.byteLength(element) > MAX_ELEMENT_BYTES)) {
    return refuse(`each element must be no more than ${MAX_ELEMENT_BYTES} bytes`);
  }
  return parsed(`/${elements.join('/')}`);
}

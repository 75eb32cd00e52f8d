import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/** What all our files say first, so that a later daemon knows what it reads. */
export const FORMAT_VERSION = 1;

/** The value of a JSON text. The parser's own words quote its input, so they are never passed on. */
export function parseJson(text: string): Parsed<unknown> {
  try {
    return parsed(JSON.parse(text));
  } catch {
    return faulty([{ field: '', message: 'is not JSON' }]);
  }
}

import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/**
 * Base64 as every API server takes it from a manifest: the standard alphabet, padded. Carriage returns and line feeds are
 * skipped wherever they are, as Go's decoder does; kustomize and `base64` break long values with them. `plainTextIn`
 * names the field that takes text as it is, which is what most people look for here. The messages never show the text.
 */
export function parseBase64(written: string, field: string, plainTextIn?: string): Parsed<Uint8Array> {
  const advice = plainTextIn === undefined ? '' : `plain text belongs into ${plainTextIn}; here it `;
  const refuse = (message: string): Parsed<Uint8Array> => faulty([{ field, message: `${advice}${message}` }]);
  const text = written.replace(/[\r\n]+/g, '');
  if (/[-_]/.test(text) && /^[-\w]+=*$/.test(text)) {
    return refuse('must be base64 of the standard alphabet, with + and / rather than - and _');
  }
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    return refuse('must be base64, padded to a multiple of four characters');
  }
  // A copy: Buffer's own memory is shared with whatever else is decoded around the same time.
  return parsed(new Uint8Array(Buffer.from(text, 'base64')));
}

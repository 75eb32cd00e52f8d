import { faulty, type Parsed, parsed } from '../base/parsed.ts';

declare const volumeId: unique symbol;
/** A volume's id: not empty, at most 128 bytes of UTF-8 without control characters (CSI's limit for strings). */
export type VolumeId = string & { readonly [volumeId]: true };

const MAX_BYTES = 128;

export function parseVolumeId(text: string, field = 'volume_id'): Parsed<VolumeId> {
  if (text === '') return faulty([{ field, message: 'is required' }]);
  if (Buffer.byteLength(text) > MAX_BYTES)
    return faulty([{ field, message: `must be no more than ${MAX_BYTES} bytes` }]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  if (/[\u0000-\u001f\u007f]/.test(text)) return faulty([{ field, message: 'must not contain control characters' }]);
  return parsed(text as VolumeId);
}

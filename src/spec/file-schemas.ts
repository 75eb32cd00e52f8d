import { z } from 'zod';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { optional, through } from '../base/schemas.ts';
import { parseRelativePath } from './relative-path.ts';
import type { FileAttributes, KeyToPath } from './volume-spec.ts';

const MAX_MODE = 0o777;
/** The kubelet's limit for a runAsUser; the kernel keeps 2^32-1 for "no one". */
const MAX_ID = 2 ** 31 - 1;

export const path = through(z.string(), parseRelativePath);

/** Permission bits. */
const mode = wholeNumber(MAX_MODE, 'must be a number between 0 and 0777 (octal), both inclusive', modeHint);
/** A numeric owner or group. */
const id = wholeNumber(MAX_ID, `must be a number between 0 and ${MAX_ID}, both inclusive`);

function wholeNumber(most: number, rule: string, hint: (value: unknown) => string = () => '') {
  return through(z.optional(z.unknown()), (value, field): Parsed<number | undefined> => {
    if (value === undefined || value === null) return parsed(undefined);
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return parsed(value);
    return faulty([{ field, message: `${rule}${hint(value)}` }]);
  });
}

/** For octal written as text or as decimal, the mistakes that people make with modes. */
function modeHint(value: unknown): string {
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  const digits = /^0?o?([0-7]{3})$/.exec(text)?.[1];
  if (digits === undefined) return '';
  const decimal = Number.parseInt(digits, 8);
  return typeof value === 'string'
    ? `; write 0${digits} without quotes in YAML, or ${decimal} in JSON`
    : `; if octal ${digits} is meant, write 0${digits} in YAML, or ${decimal} in JSON`;
}

/** Fields that every item has. */
export const fileAttributes = { mode, user: id, group: id };

/** Fields that every volume source has. */
export const volumeDefaults = { defaultMode: mode, defaultUser: id, defaultGroup: id };

const keyToPath = z
  .strictObject({ key: z.string().min(1, 'must not be empty'), path, ...fileAttributes })
  .transform(({ key, ...file }): KeyToPath => ({ key, ...fileOf(file) }));

/** Every field there, if only as undefined, so that equal specs are equal to any comparison. */
export function fileOf({ path, mode, user, group }: OptionalFields<Omit<KeyToPath, 'key'>>): Omit<KeyToPath, 'key'> {
  return { path, mode, user, group };
}

type OptionalFields<T extends FileAttributes> = Omit<T, keyof FileAttributes> & Partial<FileAttributes>;

/** No items and an empty list are the same, as they are to Kubernetes: every key. */
export const keysToPaths = optional(z.array(keyToPath)).transform((items) => (items?.length ? items : undefined));

import { z } from 'zod';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { optional, through } from '../base/schemas.ts';
import { parseRelativePath } from './relative-path.ts';
import type { FileAttributes, KeyToPath } from './volume-spec.ts';

const MAX_MODE = 0o777;
/** The kubelet's limit for a runAsUser; the kernel keeps 2^32-1 for "no one". */
const MAX_ID = 2 ** 31 - 1;

const MODE_RULE = 'must be a number between 0 and 0777 (octal), both inclusive';

export const path = through(z.string(), parseRelativePath);

/** Permission bits. Octal written as text or as decimal is the mistake people make, so each has its hint. */
export const mode = optional(
  through(z.unknown(), (value, field): Parsed<number | undefined> => {
    if (value === undefined || value === null) return parsed(undefined);
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_MODE) return parsed(value);
    return faulty([{ field, message: `${MODE_RULE}${modeHint(value)}` }]);
  }),
);

function modeHint(value: unknown): string {
  const digits = /^0?o?([0-7]{3,4})$/.exec(
    typeof value === 'number' || typeof value === 'string' ? String(value) : '',
  )?.[1];
  const meant = digits === undefined ? Number.NaN : Number.parseInt(digits, 8);
  if (digits === undefined || meant > MAX_MODE) return '';
  const octal = digits.padStart(4, '0');
  return typeof value === 'string'
    ? `; write ${octal} without quotes in YAML, or ${meant} in JSON`
    : `; ${digits} is decimal, write ${octal} in YAML, or ${meant} in JSON`;
}

const id = optional(
  z
    .int({
      error: (issue) =>
        issue.code === 'invalid_type' && issue.input !== undefined
          ? `must be a number between 0 and ${MAX_ID}`
          : undefined,
    })
    .min(0, `must be a number between 0 and ${MAX_ID}`)
    .max(MAX_ID, `must be a number between 0 and ${MAX_ID}`),
);

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

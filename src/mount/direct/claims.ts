import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { errnoOf, toLanternError } from '../../base/errors.ts';
import { readBootId } from '../../base/host-resources.ts';
import { parseBy, parseJson } from '../../base/parsed.ts';
import type { RelativePath } from '../../spec/relative-path.ts';
import { nodeFileSystem, replaceFile } from '../../volume/file-system.ts';

/** A target that the daemon renders in, saved before that, so that its later contents are known to be the daemon's. */
export type Claim = {
  /** As the request named it. */
  readonly target: string;
  /** Device and inode, see `identityOf`. */
  readonly identity: string;
  readonly contents: ClaimedContents;
  /** False until everything is rendered: the next start removes what a crash left incomplete. */
  readonly isComplete: boolean;
};

type Claims = {
  readonly claims: readonly Claim[];
  /** A target that is about to be created: if it exists, is empty, and has no claim, a crash came in between. */
  readonly intended: string | undefined;
};

export type ClaimedContents =
  | { readonly kind: 'volume' }
  | { readonly kind: 'file'; readonly subPath: RelativePath; readonly generation: string }
  | {
      readonly kind: 'directory';
      readonly subPath: RelativePath;
      readonly generation: string;
      readonly files: readonly string[];
    };

/** Not parsed again: only the daemon writes the file. */
const ownPath = z.string().transform((text) => text as RelativePath);

const CLAIMS = z.strictObject({
  bootId: z.string(),
  intended: z.string().optional(),
  claims: z.array(
    z.strictObject({
      target: z.string(),
      identity: z.string(),
      contents: z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('volume') }),
        z.strictObject({ kind: z.literal('file'), subPath: ownPath, generation: z.string() }),
        z.strictObject({
          kind: z.literal('directory'),
          subPath: ownPath,
          generation: z.string(),
          files: z.array(z.string()),
        }),
      ]),
      isComplete: z.boolean(),
    }),
  ),
});

const NOTHING: Claims = { claims: [], intended: undefined };
const FILE_NAME = 'targets.json';

/** The claims of one volume: paths, no contents. In its directory below `<run>/direct`, replaced by rename. */
export class ClaimsFile {
  readonly #path: string;

  constructor(volumeDirectory: string) {
    this.#path = join(volumeDirectory, FILE_NAME);
  }

  /** Empty if the file is missing, damaged, or of another boot, where device and inode numbers are not valid. */
  load(): Claims {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return NOTHING;
      throw toLanternError(error, `read the targets in "${this.#path}"`);
    }
    const json = parseJson(text);
    const found = json.ok ? parseBy(CLAIMS, json.value) : json;
    if (!found.ok || found.value.bootId !== readBootId()) return NOTHING;
    return { claims: found.value.claims, intended: found.value.intended };
  }

  save(claims: readonly Claim[], intended?: string): void {
    try {
      if (claims.length === 0 && intended === undefined) {
        rmSync(this.#path, { force: true });
      } else {
        const text = JSON.stringify({ bootId: readBootId(), intended, claims });
        replaceFile(nodeFileSystem, this.#path, Buffer.from(text));
      }
    } catch (error) {
      throw toLanternError(error, `write the targets to "${this.#path}"`);
    }
  }
}

import { hash } from 'node:crypto';
import type { RelativePath } from '../spec/relative-path.ts';
import { byteOrder } from './byte-order.ts';
import type { Payload, PayloadFile } from './payload.ts';

/**
 * A payload of these files. The caller has made sure that no path is a parent of another. The bytes are kept, not
 * copied, and must not change afterwards.
 */
export function buildPayload(files: ReadonlyMap<RelativePath, PayloadFile>, mountGroup: number | undefined): Payload {
  const sorted = [...files].sort(([a], [b]) => byteOrder(a, b));
  const directories = new Set<string>();
  let bytes = 0;
  for (const [path, file] of sorted) {
    bytes += file.bytes.byteLength;
    for (const parent of parentsOf(path)) directories.add(parent);
  }
  return {
    files: new Map(sorted),
    mountGroup,
    bytes,
    entries: sorted.length + directories.size,
    digest: digestOf(sorted, mountGroup),
  };
}

/** The directories above a path, nearest first: `a/b` and `a` for `a/b/c`. */
export function* parentsOf(path: string): Generator<string, void> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) yield path.slice(0, end);
}

/** JSON leaves no doubt where one part ends and the next begins, whatever a path holds. */
function digestOf(sorted: readonly (readonly [RelativePath, PayloadFile])[], mountGroup: number | undefined): string {
  const parts = sorted.map(([path, file]) => [
    path,
    file.mode,
    file.user ?? null,
    file.group ?? null,
    contentDigest(file.bytes),
  ]);
  return hash('sha256', JSON.stringify([mountGroup ?? null, parts]), 'hex');
}

/**
 * Values are immutable and shared: one Secret in 1,000 volumes is hashed once, not 1,000 times. Keyed by identity, so
 * an entry lives exactly as long as its bytes.
 */
const contentDigests = new WeakMap<Uint8Array, string>();

function contentDigest(bytes: Uint8Array): string {
  let digest = contentDigests.get(bytes);
  if (digest === undefined) {
    digest = hash('sha256', bytes, 'base64url');
    contentDigests.set(bytes, digest);
  }
  return digest;
}

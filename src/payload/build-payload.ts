import { hash } from 'node:crypto';
import { finish, type Steps } from '../base/steps.ts';
import type { RelativePath } from '../spec/relative-path.ts';
import { byteOrderAmong } from './byte-order.ts';
import type { Payload, PayloadFile } from './payload.ts';

/**
 * A payload of these files. The caller has made sure that no path is a parent of another. The bytes are kept, not
 * copied, and must not change afterwards.
 */
export function buildPayload(files: ReadonlyMap<RelativePath, PayloadFile>, mountGroup: number | undefined): Payload {
  return finish(buildingPayload(files, mountGroup));
}

/** `buildPayload` in steps. */
export function* buildingPayload(
  files: ReadonlyMap<RelativePath, PayloadFile>,
  mountGroup: number | undefined,
): Steps<Payload> {
  const order = byteOrderAmong(files.keys());
  const sorted = [...files].sort(([a], [b]) => order(a, b));
  yield;
  const directories = new Set<string>();
  const digested = [JSON.stringify(mountGroup ?? null)];
  let bytes = 0;
  for (const [path, file] of sorted) {
    bytes += file.bytes.byteLength;
    addParents(path, directories);
    digested.push(digestible(path, file));
    yield;
  }
  return {
    files: new Map(sorted),
    mountGroup,
    bytes,
    entries: sorted.length + directories.size,
    digest: hash('sha256', digested.join('\n'), 'hex'),
  };
}

function addParents(path: string, directories: Set<string>): void {
  for (const parent of parentsOf(path)) {
    // Then those above it are there as well.
    if (directories.has(parent)) return;
    directories.add(parent);
  }
}

/** The directories above a path, nearest first: `a/b` and `a` for `a/b/c`. */
export function* parentsOf(path: string): Generator<string, void> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) yield path.slice(0, end);
}

/** JSON leaves no doubt where one part ends and the next begins, whatever a path holds; it has no line breaks. */
function digestible(path: RelativePath, { mode, user, group, bytes }: PayloadFile): string {
  return JSON.stringify([path, mode, user ?? null, group ?? null, contentDigest(bytes)]);
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

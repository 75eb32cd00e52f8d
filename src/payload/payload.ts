import { finish, type Steps } from '../base/steps.ts';
import type { StoredObject } from '../objects/object.ts';
import type { PodFacts } from '../spec/pod-facts.ts';
import { parentsOf, type RelativePath } from '../spec/relative-path.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';

export type PayloadFile = {
  readonly bytes: Uint8Array;
  /** Permission bits, 0 to 0o777, including those that a mount group adds. */
  readonly mode: number;
  /** Numeric; the daemon's own owner and group if undefined. */
  readonly user: number | undefined;
  readonly group: number | undefined;
};

/** A volume's contents. Immutable. No path is a parent of another. */
export type Payload = {
  readonly files: ReadonlyMap<RelativePath, PayloadFile>;
  /** The gid of every directory, which also gets setgid and group r-x. If undefined, directories are plain 0755. */
  readonly mountGroup: number | undefined;
  readonly bytes: number;
  /** Number of files and their directories: the cost in inodes. */
  readonly entries: number;
};

/** Paths must not conflict. Bytes are kept, not copied, and must not change. */
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
  let bytes = 0;
  for (const [path, file] of sorted) {
    bytes += file.bytes.byteLength;
    for (const parent of parentsOf(path)) {
      // Its own parents are then in the set too.
      if (directories.has(parent)) break;
      directories.add(parent);
    }
    yield;
  }
  return {
    files: new Map(sorted),
    mountGroup,
    bytes,
    entries: sorted.length + directories.size,
  };
}

/** Compares bytes only where they are not the same memory, as they are for volumes of one object. */
export function isSamePayload(a: Payload, b: Payload): boolean {
  if (a === b) return true;
  if (a.mountGroup !== b.mountGroup || a.bytes !== b.bytes || a.files.size !== b.files.size) return false;
  for (const [path, { bytes, mode, user, group }] of a.files) {
    const other = b.files.get(path);
    if (other?.mode !== mode || other.user !== user || other.group !== group) return false;
    if (other.bytes !== bytes && Buffer.compare(other.bytes, bytes) !== 0) return false;
  }
  return true;
}

const SURROGATE = /[\ud800-\udfff]/;

/** Equals `byteOrder` for these strings, but is much cheaper if none has a surrogate. */
export function byteOrderAmong(texts: Iterable<string>): (a: string, b: string) => number {
  for (const text of texts) if (SURROGATE.test(text)) return byteOrder;
  return (a, b) => (a === b ? 0 : a < b ? -1 : 1);
}

/** Compares by UTF-8 bytes, as Go sorts. */
export function byteOrder(a: string, b: string): number {
  if (a === b) return 0;
  // UTF-16 and UTF-8 order differ only where a surrogate is involved.
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}

/** `missing`: the object may still be created. `invalid`: impossible with these inputs. Messages contain no values. */
export type Problem = { readonly reason: 'missing' | 'invalid'; readonly message: string };

export function missing(message: string): Problem {
  return { reason: 'missing', message };
}

export function invalid(message: string): Problem {
  return { reason: 'invalid', message };
}

/** A warning about work that succeeded. `reason` is one word, as in an event. No secret bytes. */
export type Notice = { readonly reason: string; readonly message: string };

export type RenderInputs = {
  readonly spec: VolumeSpec;
  readonly namespace: string;
  /** Keyed by `refKey`; missing objects are absent. */
  readonly objects: ReadonlyMap<string, StoredObject>;
  readonly pod: PodFacts | undefined;
  readonly requestData: ReadonlyMap<string, Uint8Array>;
  /** Keyed by audience. */
  readonly tokens: ReadonlyMap<string, HeldToken>;
  /** The issuer of tokens that the request did not supply. */
  readonly tokenIssuer: 'daemon' | 'host';
  /** Resource name → quantity, for limits that a container does not set. */
  readonly allocatable: ReadonlyMap<string, string>;
  readonly mountGroup: number | undefined;
  readonly budget: PayloadBudget;
};

export type HeldToken = { readonly token: string; readonly expirationTimestamp: string };

type TokenTexts = ReadonlyMap<string, Pick<HeldToken, 'token'>>;

/** By audience. Compares the texts, whatever else is known of the tokens. */
export function isSameTokens(a: TokenTexts, b: TokenTexts): boolean {
  if (a.size !== b.size) return false;
  for (const [audience, { token }] of a) if (b.get(audience)?.token !== token) return false;
  return true;
}

/** Limits of one payload; entries are files and directories. */
export type PayloadBudget = { readonly bytes: number; readonly entries: number };

/** A cluster gives every pod a uid. A manifest that was never in a cluster has none. */
const WITHOUT_UID: Notice = {
  reason: 'PodWithoutUid',
  message: 'metadata.uid is shown, but the pod has none: it is empty; write metadata.uid into the manifest',
};

export function uidNoticesOf(spec: VolumeSpec, pod: PodFacts | undefined): readonly Notice[] {
  if (pod?.uid !== '') return [];
  for (const source of spec.sources) {
    if (source.kind !== 'downwardAPI') continue;
    if (source.items.some(({ value }) => value.kind === 'field' && value.field.kind === 'uid')) return [WITHOUT_UID];
  }
  return [];
}

/** `uidNoticesOf` for a variable. */
export function uidNotices(pod: PodFacts | undefined): readonly Notice[] {
  return pod?.uid === '' ? [WITHOUT_UID] : [];
}

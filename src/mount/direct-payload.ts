import { byteOrder } from '../payload/byte-order.ts';
import type { Payload, PayloadFile } from '../payload/payload.ts';
import type { FileSummary } from '../volume/file-summary.ts';
import type { Ownership } from './direct-ownership.ts';

/** The files that a payload would become. */
export function summarize(payload: Payload, own: Ownership): readonly FileSummary[] {
  return [...payload.files].map(([path, { bytes, mode, user, group }]) => ({
    path,
    size: bytes.byteLength,
    mode,
    user: user ?? own.user,
    group: group ?? payload.mountGroup ?? own.group,
  }));
}

/** Paths that are in one of two payloads only, or differ in bytes, mode or owner; in byte order. */
export function differences(before: Payload | undefined, after: Payload): readonly string[] {
  const paths = new Set([...(before?.files.keys() ?? []), ...after.files.keys()]);
  return [...paths].filter((path) => !isSame(before?.files.get(path), after.files.get(path))).sort(byteOrder);
}

function isSame(a: PayloadFile | undefined, b: PayloadFile | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.mode === b.mode && a.user === b.user && a.group === b.group && Buffer.compare(a.bytes, b.bytes) === 0;
}

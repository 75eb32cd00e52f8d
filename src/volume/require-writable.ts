import { type Fault, invalid, LanternError } from '../base/errors.ts';
import type { Steps } from '../base/steps.ts';
import type { Payload } from '../payload/payload.ts';
import { parentsOf } from '../payload/render-payload.ts';
import { parseRelativePath } from '../spec/relative-path.ts';

/**
 * Throws `invalid-argument` with a fault for each path that cannot be in a volume: the last guard before the disk,
 * whatever made the payload. `strangers` are names in the volume's directory that are not ours; a payload that needs
 * one of them is `failed-precondition`.
 */
export function* requireWritable(payload: Payload, strangers: ReadonlySet<string>): Steps<void> {
  const faults: Fault[] = [];
  for (const path of payload.files.keys()) {
    faults.push(...faultsOf(path, payload));
    yield;
  }
  if (faults.length > 0) throw invalid(faults);
  for (const path of strangers.size === 0 ? [] : payload.files.keys()) {
    const name = firstElement(path);
    if (!strangers.has(name)) continue;
    throw new LanternError(
      'failed-precondition',
      `write "${path}" to the volume: its directory holds something named "${name}" already that is not of the volume; remove that, or choose another path`,
    );
  }
}

/** The visible name that leads to a path. */
export function firstElement(path: string): string {
  const end = path.indexOf('/');
  return end < 0 ? path : path.slice(0, end);
}

function faultsOf(path: string, payload: Payload): readonly Fault[] {
  const parsed = parseRelativePath(path, path);
  if (!parsed.ok) return parsed.faults;
  if (parsed.value !== path) return [{ field: path, message: `must be given as "${parsed.value}"` }];
  const files: ReadonlyMap<string, unknown> = payload.files;
  return [...parentsOf(path)]
    .filter((parent) => files.has(parent))
    .map((parent) => ({ field: path, message: `excludes the file "${parent}", which would have to be a directory` }));
}

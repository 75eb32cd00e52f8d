import { z } from 'zod';
import type { Fault } from '../base/errors.ts';
import { parseBy } from '../base/parsed.ts';
import { optional, through } from '../base/schemas.ts';
import { parseMountPath } from './mount-path.ts';
import type { PodVolumes } from './pod-volumes.ts';
import { parseSubPath } from './sub-path.ts';

export type VolumeMount = {
  readonly volumeName: string;
  /** Absolute and clean: no empty, `.` or `..` element. */
  readonly mountPath: string;
  /** As written; what volumes Lantern makes are read-only in any case. */
  readonly readOnly: boolean;
  /** `subPathExpr` has `$(VAR)` in it; neither is parsed yet, since an expression becomes a path only when expanded. */
  readonly subPath: { readonly kind: 'path' | 'expression'; readonly text: string } | undefined;
};

const text = optional(z.string()).transform((value) => value ?? '');

/** A misspelt subPath would mount the whole volume: nothing unknown is let pass. */
const volumeMount = z.strictObject({
  name: z.string(),
  mountPath: through(z.string(), parseMountPath),
  readOnly: optional(z.boolean()),
  subPath: text,
  subPathExpr: text,
  // About mounts made by the container, or below a mount: there are none in what Lantern makes.
  mountPropagation: optional(z.unknown()),
  recursiveReadOnly: optional(z.unknown()),
});

/** A container's volumeMounts, as far as they are good, and what is wrong with the rest. */
export function readVolumeMounts(
  raw: unknown,
  path: string,
  volumes: PodVolumes,
): { readonly mounts: readonly VolumeMount[]; readonly faults: readonly Fault[] } {
  const list = parseBy(optional(z.array(z.unknown())), raw, path);
  if (!list.ok) return { mounts: [], faults: list.faults };
  const faults: (readonly Fault[])[] = [];
  const placed: Placed[] = [];
  for (const [index, entry] of (list.value ?? []).entries()) {
    const at = `${path}[${index}]`;
    const shape = parseBy(volumeMount, entry, at);
    if (!shape.ok) {
      faults.push(shape.faults);
      continue;
    }
    const { name, mountPath, readOnly, subPath, subPathExpr } = shape.value;
    const kind = volumes.kinds.get(name);
    if (kind === undefined) faults.push([{ field: `${at}.name`, message: `there is no volume "${name}"` }]);
    if (subPath !== '' && subPathExpr !== '') {
      faults.push([{ field: `${at}.subPathExpr`, message: 'must not be there beside subPath' }]);
    }
    const mount = {
      volumeName: name,
      mountPath,
      readOnly: readOnly ?? false,
      subPath: subPathOf(subPath, subPathExpr),
    };
    if (kind === 'projected') faults.push(subPathFaults(mount, at));
    placed.push({ mount, path: at, isProjected: kind === 'projected' });
  }
  return { mounts: placed.map(({ mount }) => mount), faults: [...faults.flat(), ...placeFaults(placed)] };
}

type Placed = { readonly mount: VolumeMount; readonly path: string; readonly isProjected: boolean };

function subPathOf(path: string, expression: string): VolumeMount['subPath'] {
  if (path !== '') return { kind: 'path', text: path };
  return expression === '' ? undefined : { kind: 'expression', text: expression };
}

/** An expression must be a path as it is written already, as in Kubernetes; variables cannot stand for more than names. */
function subPathFaults({ subPath }: VolumeMount, at: string): readonly Fault[] {
  if (subPath === undefined) return [];
  const result = parseSubPath(subPath.text, `${at}.${subPath.kind === 'path' ? 'subPath' : 'subPathExpr'}`);
  return result.ok ? [] : result.faults;
}

/**
 * Two mounts at one place; and, a limit of Lantern's own, one inside another: what it mounts is read-only, so that no
 * place for the inner one can be made in it.
 */
function placeFaults(placed: readonly Placed[]): readonly Fault[] {
  const taken = new Set<string>();
  const faults: Fault[] = [];
  for (const { mount, path } of placed) {
    if (taken.has(mount.mountPath)) faults.push({ field: `${path}.mountPath`, message: 'must be unique' });
    taken.add(mount.mountPath);
  }
  const sorted = placed
    .filter(({ isProjected }) => isProjected)
    .map(({ mount, path }) => ({ ...mount, path, prefix: `${mount.mountPath}/` }))
    .sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
  // What lies below a path comes right after it in this order.
  let outer = sorted[0];
  for (const inner of sorted) {
    if (outer === undefined || inner.prefix === outer.prefix || !inner.prefix.startsWith(outer.prefix)) {
      outer = inner;
      continue;
    }
    const message = `must not lie in "${outer.mountPath}", where the volume "${outer.volumeName}" is mounted read-only; mount them beside each other, or make them one projected volume`;
    faults.push({ field: `${inner.path}.mountPath`, message });
  }
  return faults;
}

import { isUtf8 } from 'node:buffer';
import { LanternError } from '../base/errors.ts';
import { orThrow } from '../base/parsed.ts';
import type { EnvVariable } from '../payload/environment.ts';
import { expandVariables } from '../payload/variable-expansion.ts';
import type { RelativePath } from '../spec/relative-path.ts';
import { parseSubPath } from '../spec/sub-path.ts';
import type { VolumeMount } from '../spec/volume-mounts.ts';

/** PATH_MAX. */
const MOST_BYTES = 4096;

/**
 * The part of its volume that a mount shows. `invalid-argument` for an expression that names a variable the container
 * has not, or that comes out as no path inside the volume. `variables` are those whose values may be seen in paths.
 */
export function subPathOf(
  { subPath, mountPath }: VolumeMount,
  variables: ReadonlyMap<string, Uint8Array>,
): RelativePath | undefined {
  if (subPath === undefined) return undefined;
  if (subPath.kind === 'path') return orThrow(parseSubPath(subPath.text, 'subPath'));
  const where = `the subPathExpr of "${mountPath}"`;
  const known = new Known(variables);
  // A character per byte: values of any bytes can be expanded.
  const expanded = expandVariables(Buffer.from(subPath.text).toString('latin1'), known, MOST_BYTES);
  if (known.missing.size > 0) {
    const names = [...known.missing].map((name) => `"${name}"`).join(', ');
    throw new LanternError(
      'invalid-argument',
      `${where}: it needs ${names}, which must be among the container's variables and not come from a Secret`,
    );
  }
  if (expanded === undefined) {
    throw new LanternError('invalid-argument', `${where}: it comes out longer than the ${MOST_BYTES} bytes of a path`);
  }
  const bytes = Buffer.from(expanded, 'latin1');
  if (!isUtf8(bytes)) throw new LanternError('invalid-argument', `${where}: what it comes out as is not UTF-8`);
  return orThrow(parseSubPath(bytes.toString(), where));
}

/**
 * The variables whose values may be seen in paths, and so in records and messages: those that come out the same when
 * nothing is known of any Secret.
 */
export function openVariables(
  all: readonly EnvVariable[],
  withoutSecrets: readonly EnvVariable[],
): ReadonlyMap<string, Uint8Array> {
  const open = new Map(withoutSecrets.map(({ name, value }) => [name, value]));
  return new Map(
    all.flatMap(({ name, value }) => {
      const other = open.get(name);
      return other !== undefined && Buffer.compare(other, value) === 0 ? [[name, value]] : [];
    }),
  );
}

/** Notes what is asked for and not there, which `expandVariables` leaves as it is written. */
class Known extends Map<string, string> {
  readonly missing = new Set<string>();

  constructor(variables: ReadonlyMap<string, Uint8Array>) {
    super([...variables].map(([name, value]) => [name, Buffer.from(value).toString('latin1')]));
  }

  override get(name: string): string | undefined {
    const value = super.get(name);
    if (value === undefined) this.missing.add(name);
    return value;
  }
}

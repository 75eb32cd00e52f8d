import type { RelativePath } from '../spec/relative-path.ts';
import { parentsOf } from './build-payload.ts';
import type { Contribution } from './contributions.ts';
import type { Notice } from './notice.ts';
import type { PayloadFile } from './payload.ts';

/** All contributions in one set of files. `conflicts` say what cannot be, `notices` what may not be meant. */
export type Overlaid = {
  readonly files: ReadonlyMap<RelativePath, PayloadFile>;
  readonly notices: readonly Notice[];
  readonly conflicts: readonly string[];
};

/**
 * Lays later contributions over earlier ones. A path that two whole objects both bring, or that is listed twice, is hardly
 * meant: it is warned of, where Kubernetes stays silent. A listed item over a file of a whole object is deliberate.
 */
export function overlay(contributions: readonly Contribution[]): Overlaid {
  const files = new Map<RelativePath, PayloadFile>();
  const owners = new Map<string, Contribution>();
  const notices: Notice[] = [];
  for (const contribution of contributions) {
    for (const [path, file] of contribution.files) {
      const covered = owners.get(path);
      if (covered?.isWhole === contribution.isWhole) {
        const message = `"${path}" of ${contribution.origin} overwrites the one of ${covered.origin}`;
        notices.push({ reason: 'PathOverwritten', message });
      }
      files.set(path, file);
      owners.set(path, contribution);
    }
  }
  return { files, notices, conflicts: conflictsAmong(owners) };
}

function conflictsAmong(owners: ReadonlyMap<string, Contribution>): string[] {
  const conflicts: string[] = [];
  for (const [path, owner] of owners) {
    for (const parent of parentsOf(path)) {
      const other = owners.get(parent);
      if (other === undefined) continue;
      conflicts.push(
        `"${parent}" of ${other.origin} and "${path}" of ${owner.origin} exclude each other: ` +
          `"${parent}" cannot be a file and a directory; give one of them another path`,
      );
    }
  }
  return conflicts;
}

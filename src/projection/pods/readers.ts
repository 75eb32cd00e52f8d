import type { DirectoryAccess } from '../../mount/targets/target-directories.ts';
import type { Notice } from '../../payload/payload.ts';
import type { Pod, PodContainer } from '../../spec/pod/pod.ts';
import type { PodVolume } from '../../spec/pod/pod-volumes.ts';
import type { VolumeSpec } from '../../spec/volume-spec.ts';
import type { PodRequest } from './pods.ts';

/** What the daemon's user can do. */
export type FileGiver = { readonly user: number | undefined; readonly canChangeOwners: boolean };

/**
 * The pod with its tokens as files of the one user that all its containers run as, where there is one: the kubelet's rule.
 * Whose a token is to be that its volume says already, stays so. A daemon that may not give files away leaves the tokens as
 * the volumes' modes have them, below directories that keep others out; that is a notice.
 */
export function withTokenOwner(
  pod: Pod,
  { open, runAsUser, pod: { commonUser } }: PodRequest,
  giver: FileGiver,
): { readonly pod: Pod; readonly notices: readonly Notice[] } {
  const user = runAsUser ?? commonUser;
  if (open || user === undefined || !pod.volumes.some(hasOpenToken)) return { pod, notices: [] };
  if (user !== giver.user && !giver.canChangeOwners) return { pod, notices: [notGiven(user)] };
  return { pod: { ...pod, volumes: pod.volumes.map((volume) => givenTo(volume, user)) }, notices: [] };
}

function notGiven(user: number): Notice {
  const message = `the daemon lacks CAP_CHOWN and CAP_FOWNER, so tokens are not files of the user ${user}: their modes are those of their volumes, and only the directories made for the pod keep others out`;
  return { reason: 'TokenNotGiven', message };
}

function hasOpenToken(volume: PodVolume): boolean {
  return specOf(volume)?.sources.some(({ kind }) => kind === 'serviceAccountToken') === true;
}

function givenTo(volume: PodVolume, user: number): PodVolume {
  const spec = specOf(volume);
  if (spec === undefined || volume.kind !== 'projected') return volume;
  const sources = spec.sources.map((source) => {
    return source.kind === 'serviceAccountToken' ? { ...source, user: source.user ?? user } : source;
  });
  return { ...volume, definition: { kind: 'inline', spec: { ...spec, sources } } };
}

/** Undefined also where the volume names an owner itself. */
function specOf(volume: PodVolume): VolumeSpec | undefined {
  if (volume.kind !== 'projected' || volume.definition.kind !== 'inline') return undefined;
  return volume.definition.spec.defaultUser === undefined ? volume.definition.spec : undefined;
}

/**
 * Whom the directories of a pod let in besides the daemon's user and root: `<root>/<container>` and what lies in it the user
 * of the container, its group where the user is not known, and fsGroup; the root whom any of them lets in.
 */
export function directoryAccess(
  { pod, root, open, runAsUser }: PodRequest,
  giver: Pick<FileGiver, 'user'>,
): (directory: string) => DirectoryAccess {
  if (open) return () => 'everybody';
  const readers = new Map<string, Readers>(
    pod.containers.map((container) => [container.name, readersOf(container, pod.fsGroup, runAsUser, giver)]),
  );
  const all = [...readers.values()];
  const anybody = { users: all.flatMap(({ users }) => users), groups: all.flatMap(({ groups }) => groups) };
  return (directory) => readers.get(directory.slice(root.length + 1).split('/', 1)[0] ?? '') ?? anybody;
}

type Readers = Exclude<DirectoryAccess, 'everybody'>;

/** Supplementary groups do not count: they are what a pod shares with others. */
function readersOf(
  { runAs }: PodContainer,
  fsGroup: number | undefined,
  runAsUser: number | undefined,
  giver: Pick<FileGiver, 'user'>,
): Readers {
  const user = runAsUser ?? runAs.user;
  const groups = [fsGroup, user === undefined ? runAs.group : undefined].filter((group) => group !== undefined);
  // Root gets in anyway, and so does the daemon's user.
  return { users: user === undefined || user === 0 || user === giver.user ? [] : [user], groups };
}

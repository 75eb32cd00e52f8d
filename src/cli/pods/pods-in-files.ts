import { join } from 'node:path';
import { type Fault, invalid } from '../../base/errors.ts';
import { manifestFiles } from '../input-files.ts';
import { inFile, type Manifests, type PodDocument, readManifests } from '../objects/manifests.ts';
import { absoluteTarget } from '../target.ts';
import type { Terminal } from '../terminal.ts';

/** A Pod of a manifest file, valid as far as a manifest alone can tell. */
export type PodInFile = {
  readonly namespace: string;
  readonly name: string;
  /** The Pod alone, as JSON, which is how MountPod takes it. */
  readonly manifest: string;
  /** Init containers last, so that the first is the one that is meant where none is named. */
  readonly containers: readonly string[];
};

/** `others`: how many objects of kinds that are stored stand beside the Pods. */
type PodsInFiles = { readonly pods: readonly PodInFile[]; readonly others: number };

/**
 * The Pods of manifest files, and of directories of them, at least one. Throws `invalid-argument` with every fault, two
 * Pods of one name among them: each is mounted under its name.
 */
export async function readPods(
  paths: readonly string[],
  namespace: string | undefined,
  terminal: Terminal,
): Promise<PodsInFiles> {
  const manifests = await readManifests(await manifestFiles(paths, false), namespace, terminal);
  return await podsOf(manifests, paths.join(', '), namespace);
}

/** The Pods among what was read from `place`, with the errors of `readPods`. */
export async function podsOf(
  { objects, pods: documents }: Manifests,
  place: string,
  namespace: string | undefined,
): Promise<PodsInFiles> {
  const pods = await checkPods(documents, namespace);
  if (pods.length === 0) throw invalid([{ field: place, message: 'there is no Pod' }]);
  return { pods, others: objects.length };
}

async function checkPods(documents: readonly PodDocument[], namespace: string | undefined): Promise<PodInFile[]> {
  const { parsePod } = await import('../../spec/pod/pod.ts');
  const pods = new Map<string, PodInFile>();
  const faults: Fault[] = [];
  for (const { place, raw } of documents) {
    // Which names of variables a node takes is for its daemon to say.
    const result = parsePod(raw, namespace ?? 'default', 'relaxed');
    if (!result.ok) {
      faults.push(...result.faults.map(({ field, message }) => ({ field: inFile(place, field), message })));
      continue;
    }
    const { namespace: own, facts, containers } = result.value;
    const refuse = (message: string) => faults.push({ field: inFile(place, `Pod "${facts.name}"`), message });
    if (namespace !== undefined && own !== namespace) refuse(`names "${own}", but --namespace says "${namespace}"`);
    if (pods.has(facts.name)) refuse('is there more than once');
    const inOrder = [...containers].sort((a, b) => Number(a.isInit) - Number(b.isInit));
    pods.set(facts.name, {
      namespace: own,
      name: facts.name,
      // What a field of a Pod takes is checked above; others' digits do not matter.
      manifest: JSON.stringify(raw, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
      containers: inOrder.map(({ name }) => name),
    });
  }
  if (faults.length > 0) throw invalid(faults);
  return [...pods.values()];
}

/** Where a pod of a file is mounted: the file's only one at `root` itself, one of several below, under its name. */
export function rootOf({ name }: PodInFile, pods: readonly PodInFile[], root: string): string {
  return absoluteTarget(pods.length === 1 ? root : join(root, name));
}

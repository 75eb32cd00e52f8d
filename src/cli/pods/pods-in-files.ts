import { type Fault, invalid } from '../../base/errors.ts';
import { parsePod } from '../../spec/pod/pod.ts';
import { inFile, manifestFiles } from '../input-files.ts';
import { type Manifests, type PodDocument, readManifests } from '../objects/manifests.ts';
import type { NamespaceOptions } from '../options.ts';
import type { Terminal } from '../terminal.ts';

export type PodInFile = {
  readonly namespace: string;
  readonly name: string;
  /** The Pod as JSON, for MountPod. */
  readonly manifest: string;
  /** Names, init containers last: the first is the default container. */
  readonly containers: readonly string[];
};

/** `others`: the number of objects beside the Pods. */
type PodsInFiles = { readonly pods: readonly PodInFile[]; readonly others: number };

/** `invalid-argument` has every fault. No Pod is one, and so are two of one name: each is mounted under its name. */
export async function readPods(
  paths: readonly string[],
  namespaces: NamespaceOptions,
  terminal: Terminal,
): Promise<PodsInFiles> {
  const manifests = await readManifests(await manifestFiles(paths, false), namespaces, terminal);
  return podsOf(manifests, paths.join(', '), namespaces);
}

/** Errors as `readPods`. */
export function podsOf(
  { objects, pods: documents }: Manifests,
  place: string,
  namespaces: NamespaceOptions,
): PodsInFiles {
  const pods = checkPods(documents, namespaces);
  if (pods.length === 0) throw invalid([{ field: place, message: 'no Pod found' }]);
  return { pods, others: objects.length };
}

function checkPods(documents: readonly PodDocument[], { namespace, currentNamespace }: NamespaceOptions): PodInFile[] {
  const pods = new Map<string, PodInFile>();
  const faults: Fault[] = [];
  for (const { place, raw } of documents) {
    // The daemon decides which names of variables are valid on its node.
    const result = parsePod(raw, currentNamespace, 'relaxed');
    if (!result.ok) {
      faults.push(...result.faults.map(({ field, message }) => ({ field: inFile(place, field), message })));
      continue;
    }
    const { namespace: own, facts, containers } = result.value;
    const refuse = (message: string) => faults.push({ field: inFile(place, `Pod "${facts.name}"`), message });
    if (namespace !== undefined && own !== namespace) refuse(`names "${own}", but --namespace says "${namespace}"`);
    if (pods.has(facts.name)) refuse('occurs more than once');
    const inOrder = [...containers].sort((a, b) => Number(a.isInit) - Number(b.isInit));
    pods.set(facts.name, {
      namespace: own,
      name: facts.name,
      // Fields that Lantern reads are checked above. Others may lose digits.
      manifest: JSON.stringify(raw, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
      containers: inOrder.map(({ name }) => name),
    });
  }
  if (faults.length > 0) throw invalid(faults);
  return [...pods.values()];
}

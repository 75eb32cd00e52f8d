import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import type { PodFacts } from '../../rpc/generated/lantern/v1/PodFacts.ts';
import { type ContainerEnv, type PodPlacement, parseContainerEnv } from '../../spec/container-env.ts';
import { parsePodManifest } from '../../spec/pod/pod-manifest.ts';
import { podFactsToJson } from '../../spec/pod-facts.ts';

/** The namespace, if the manifest names one, and the facts of the downward API. */
export type PodFile = { readonly namespace: string | undefined; readonly facts: PodFacts };

/** `document` is the parsed YAML or JSON of one Pod manifest. */
export function parsePodFile(document: unknown): Parsed<PodFile> {
  const manifest = parsePodManifest(document);
  if (!manifest.ok) return manifest;
  const { namespace, facts } = manifest.value;
  return parsed({ namespace, facts: podFactsToJson(facts) as PodFacts });
}

type PodContainer = PodFile & {
  readonly container: ContainerEnv;
  readonly placement: PodPlacement;
  /** Init containers are last. */
  readonly names: readonly string[];
};

/** The default is the first container that is not an init container. Variables of others are not checked. */
export function parsePodContainer(document: unknown, name: string | undefined): Parsed<PodContainer> {
  const manifest = parsePodManifest(document);
  if (!manifest.ok) return manifest;
  const { namespace, facts, placement, containers } = manifest.value;
  const all = [...containers.filter(({ isInit }) => !isInit), ...containers.filter(({ isInit }) => isInit)];
  const names = all.map((container) => container.name);
  const chosen = name === undefined ? all[0] : all.find((container) => container.name === name);
  if (chosen === undefined) return faulty([{ field: 'spec.containers', message: noSuchContainer(name, names) }]);
  // The daemon decides which names of variables are valid on its node.
  const container = parseContainerEnv(chosen.raw, chosen.path, 'relaxed');
  if (!container.ok) return container;
  return parsed({ namespace, facts: podFactsToJson(facts) as PodFacts, placement, container: container.value, names });
}

function noSuchContainer(name: string | undefined, names: readonly string[]): string {
  if (names.length === 0) return 'must have a container';
  return `has no container "${name}"; it has ${names.join(', ')}`;
}

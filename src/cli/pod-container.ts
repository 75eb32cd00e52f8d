import { z } from 'zod';
import { faulty, field, type Parsed, parseBy, parsed } from '../base/parsed.ts';
import { optional } from '../base/schemas.ts';
import { type ContainerEnv, parseContainerEnv } from '../spec/container-env.ts';
import type { PodPlacement } from '../spec/env-field.ts';
import { type PodFile, parsePodFile } from './pod-file.ts';

/** One container of a Pod manifest, and what its variables can show of the pod. */
export type PodContainer = PodFile & {
  readonly container: ContainerEnv;
  readonly placement: PodPlacement;
  /** Of all containers, in the manifest's order, init containers last. */
  readonly names: readonly string[];
};

const text = optional(z.string()).transform((value) => value ?? '');
const addresses = optional(z.array(z.looseObject({ ip: z.string() }))).transform((list) => list ?? []);
const containers = optional(z.array(z.looseObject({ name: z.string() }))).transform((list) => list ?? []);

const pod = z.looseObject({
  spec: z.looseObject({ nodeName: text, containers, initContainers: containers }),
  status: optional(z.looseObject({ hostIP: text, hostIPs: addresses, podIP: text, podIPs: addresses })),
});

/** The container of that name, or the first. `document` is the parsed YAML or JSON of one Pod manifest. */
export function parsePodContainer(document: unknown, name: string | undefined): Parsed<PodContainer> {
  const file = parsePodFile(document);
  if (!file.ok) return file;
  const manifest = parseBy(pod, document);
  if (!manifest.ok) return manifest;
  const { spec, status } = manifest.value;
  const all = (['containers', 'initContainers'] as const).flatMap((list) =>
    spec[list].map((raw, index) => ({ raw, path: field('spec', list, index) })),
  );
  const names = all.map(({ raw }) => raw.name);
  const chosen = name === undefined ? all[0] : all.find(({ raw }) => raw.name === name);
  if (chosen === undefined) return faulty([{ field: 'spec.containers', message: noSuchContainer(name, names) }]);
  const container = parseContainerEnv(chosen.raw, chosen.path);
  if (!container.ok) return container;
  const placement: PodPlacement = {
    nodeName: spec.nodeName,
    hostIPs: addressesOf(status?.hostIP, status?.hostIPs),
    podIPs: addressesOf(status?.podIP, status?.podIPs),
  };
  return parsed({ ...file.value, container: container.value, placement, names });
}

function noSuchContainer(name: string | undefined, names: readonly string[]): string {
  if (names.length === 0) return 'must have a container';
  return `has no container "${name}"; there are ${names.join(', ')}`;
}

/** The list, as newer manifests have it, else the one address. */
function addressesOf(one = '', list: readonly { readonly ip: string }[] = []): readonly string[] {
  if (list.length > 0) return list.map(({ ip }) => ip);
  return one === '' ? [] : [one];
}

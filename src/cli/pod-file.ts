import { z } from 'zod';
import { type Parsed, parseBy, parsed } from '../base/parsed.ts';
import type { PodFacts } from '../rpc/generated/lantern/v1/PodFacts.ts';

/** What a Pod manifest tells a volume: its namespace, where it names one, and the facts the downward API shows. */
export type PodFile = { readonly namespace: string | undefined; readonly facts: PodFacts };

const texts = z
  .record(z.string(), z.string())
  .nullish()
  .transform((map) => map ?? {});
/** Quantities may be written as numbers: `cpu: 1`. */
const quantities = z
  .record(z.string(), z.union([z.string(), z.number()]).transform(String))
  .nullish()
  .transform((map) => map ?? {});

const container = z.looseObject({
  name: z.string(),
  resources: z.looseObject({ limits: quantities, requests: quantities }).nullish(),
});

/** Only what a volume can show is looked at; the rest of the pod is the business of whoever runs it. */
const pod = z.looseObject({
  kind: z.literal('Pod'),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    uid: z.string().optional(),
    labels: texts,
    annotations: texts,
  }),
  spec: z
    .looseObject({
      serviceAccountName: z.string().optional(),
      containers: z.array(container).optional(),
      initContainers: z.array(container).optional(),
    })
    .nullish(),
});

/** `document` is the parsed YAML or JSON of one Pod manifest. */
export function parsePodFile(document: unknown): Parsed<PodFile> {
  const result = parseBy(pod, document);
  if (!result.ok) return result;
  const { metadata, spec } = result.value;
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  return parsed({
    namespace: metadata.namespace,
    facts: {
      name: metadata.name,
      uid: metadata.uid ?? '',
      labels: metadata.labels,
      annotations: metadata.annotations,
      serviceAccountName: spec?.serviceAccountName ?? '',
      containers: containers.map(({ name, resources }) => ({
        name,
        limits: resources?.limits ?? {},
        requests: resources?.requests ?? {},
      })),
    },
  });
}

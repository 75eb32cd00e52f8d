import { type Parsed, parsed } from '../base/parsed.ts';
import type { PodFacts } from '../rpc/generated/lantern/v1/PodFacts.ts';
import { podFactsToJson } from '../spec/pod-facts.ts';
import { parsePodManifest } from '../spec/pod-manifest.ts';

/** What a Pod manifest tells a volume: its namespace, where it names one, and the facts the downward API shows. */
export type PodFile = { readonly namespace: string | undefined; readonly facts: PodFacts };

/** `document` is the parsed YAML or JSON of one Pod manifest. */
export function parsePodFile(document: unknown): Parsed<PodFile> {
  const manifest = parsePodManifest(document);
  if (!manifest.ok) return manifest;
  const { namespace, facts } = manifest.value;
  return parsed({ namespace, facts: podFactsToJson(facts) as PodFacts });
}

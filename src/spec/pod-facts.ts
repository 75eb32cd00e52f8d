import * as z from 'zod';
import { isExactly, isMapOf, isText } from '../base/checks.ts';
import { type Parsed, parseBy, parsed } from '../base/parsed.ts';
import { mapOf, optional, text, textValue } from '../base/schemas.ts';
import { parseQuantity } from './quantity.ts';

export type PodFacts = {
  readonly name: string;
  readonly uid: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  readonly serviceAccountName: string;
  readonly containers: readonly ContainerResources[];
};

type ContainerResources = {
  readonly name: string;
  /** Resource name → Kubernetes quantity. */
  readonly limits: ReadonlyMap<string, string>;
  readonly requests: ReadonlyMap<string, string>;
};

/** Resource name → quantity. As in Kubernetes, null is 0 and surrounding blanks are ignored. */
const quantities = mapOf((value): Parsed<string> => {
  if (value === null) return parsed('0');
  const text = typeof value === 'number' ? parsed(String(value)) : trimmed(textValue(value));
  if (!text.ok) return text;
  const quantity = parseQuantity(text.value, '');
  return quantity.ok ? text : quantity;
});

function trimmed(text: Parsed<string>): Parsed<string> {
  return text.ok ? parsed(text.value.trim()) : text;
}

const texts = mapOf(textValue);

const podFacts = z.strictObject({
  name: text,
  uid: text,
  labels: texts,
  annotations: texts,
  serviceAccountName: text,
  containers: optional(
    z.array(z.strictObject({ name: z.string(), limits: quantities, requests: quantities })),
  ).transform((containers) => containers ?? []),
});

type UsualFacts = Readonly<Record<'name' | 'uid' | 'serviceAccountName', string>> &
  Readonly<Record<'labels' | 'annotations', Readonly<Record<string, string>>>>;

/** The facts that a kubelet sends, which name no resources. */
const isUsual = isExactly({
  name: isText,
  uid: isText,
  labels: isMapOf(isText),
  annotations: isMapOf(isText),
  serviceAccountName: isText,
  containers: (value) => Array.isArray(value) && value.length === 0,
}) as (raw: unknown) => raw is UsualFacts;

/** Parses plain JSON, with maps as objects. Absent fields are empty. Returns all faults, below `root`. */
export function parsePodFacts(raw: unknown, root: string): Parsed<PodFacts> {
  return isUsual(raw) ? parsed(usualFacts(raw)) : parsePodFactsBySchema(raw, root);
}

function usualFacts({ name, uid, labels, annotations, serviceAccountName }: UsualFacts): PodFacts {
  const [labelMap, annotationMap] = [new Map(Object.entries(labels)), new Map(Object.entries(annotations))];
  return { name, uid, labels: labelMap, annotations: annotationMap, serviceAccountName, containers: [] };
}

/** Decides what `parsePodFacts` accepts, and takes several times as long. */
export function parsePodFactsBySchema(raw: unknown, root: string): Parsed<PodFacts> {
  return parseBy(podFacts, raw, root);
}

export function podFactsToJson(facts: PodFacts): unknown {
  return {
    ...facts,
    labels: Object.fromEntries(facts.labels),
    annotations: Object.fromEntries(facts.annotations),
    containers: facts.containers.map(({ name, limits, requests }) => ({
      name,
      limits: Object.fromEntries(limits),
      requests: Object.fromEntries(requests),
    })),
  };
}

import { z } from 'zod';
import { faulty, type Parsed, parseBy, parsed } from '../../base/parsed.ts';
import { mapOf } from '../../base/schemas.ts';
import { parseBoundedJson } from '../../objects/bounded-json.ts';
import { parseDataKey, parseNamespace } from '../../objects/names.ts';
import type { HeldToken } from '../../payload/render-inputs.ts';
import type { PodFacts } from '../../spec/pod-facts.ts';
import { parseSubPath, type RelativePath } from '../../spec/relative-path.ts';
import type { VolumeDefinition } from '../../spec/volume-spec.ts';
import type { RequestInputs } from '../../volume/record.ts';
import { TOKENS_LIMITS } from '../limits.ts';
import { Reading } from '../reading.ts';
import { DEFINITION_KEYS, parseContextDefinition } from './definition.ts';
import { contextField, HOST_KEYS, isHostKey, readTextMap, type TextMap } from './text-map.ts';

/** What volume_context and secrets of a NodePublishVolume request say. */
export type VolumeContext = {
  readonly definition: VolumeDefinition;
  readonly namespace: string;
  readonly subPath: RelativePath | undefined;
  readonly pod: PodFacts | undefined;
  readonly inputs: RequestInputs;
};

type Texts = ReadonlyMap<string, string>;

const OWN_KEYS = [...DEFINITION_KEYS, 'subPath', 'namespace'];

/** Every fault at once. Values of secrets, and tokens wherever they are, turn up in no fault. */
export function parseVolumeContext(
  wireContext: Readonly<Record<string, string>>,
  wireSecrets: Readonly<Record<string, string>>,
): Parsed<VolumeContext> {
  const reading = new Reading();
  const context = readTextMap(reading, 'volume_context', wireContext, OWN_KEYS);
  if (context === undefined) return faulty(reading.faults);
  const secrets: Texts = new Map(Object.entries(wireSecrets));
  const data = readData(reading, secrets);
  const tokens = reading.take(parseTokens(secrets, context));
  const definition = reading.take(parseContextDefinition(context, data.size > 0));
  const namespace = reading.take(parseContextNamespace(context));
  const subPathText = context.get('subPath');
  const subPath =
    subPathText === undefined ? undefined : reading.take(parseSubPath(subPathText, context.at('subPath')));
  if (definition === undefined || namespace === undefined || tokens === undefined || !reading.isGood) {
    return faulty(reading.faults);
  }
  return parsed({ definition, namespace, subPath, pod: podOf(context), inputs: { data, tokens } });
}

/** The request's own data, without what the host put there. The keys become file names: an object's rules hold. */
function readData(reading: Reading, secrets: Texts): ReadonlyMap<string, Uint8Array> {
  const own = [...secrets].filter(([key]) => !isHostKey(key));
  for (const [key] of own) reading.take(parseDataKey(key, `secrets[${key}]`));
  return new Map(own.map(([key, value]) => [key, Buffer.from(value)]));
}

/** What the host says wins over what the volume's author says. */
function parseContextNamespace(context: TextMap): Parsed<string> {
  const key = context.has(HOST_KEYS.podNamespace) ? HOST_KEYS.podNamespace : 'namespace';
  return parseNamespace(context.get(key) ?? 'default', context.at(key));
}

function podOf(context: Texts): PodFacts | undefined {
  const name = context.get(HOST_KEYS.podName);
  const uid = context.get(HOST_KEYS.podUid);
  const serviceAccountName = context.get(HOST_KEYS.serviceAccountName);
  if (name === undefined && uid === undefined && serviceAccountName === undefined) return undefined;
  return {
    name: name ?? '',
    uid: uid ?? '',
    serviceAccountName: serviceAccountName ?? '',
    labels: new Map(),
    annotations: new Map(),
    containers: [],
  };
}

const TOKENS = mapOf<HeldToken>((value) =>
  parseBy(z.object({ token: z.string().min(1), expirationTimestamp: z.string() }), value),
);

const SHAPE = 'must be JSON of the form {"<audience>": {"token": "…", "expirationTimestamp": "…"}}';

/**
 * The service account's tokens by audience; none where the host sent none. Newer kubelets put them into `secrets`,
 * older ones into volume_context. The one fault says no more than where: whatever is there may be a token.
 */
function parseTokens(secrets: Texts, context: Texts): Parsed<ReadonlyMap<string, HeldToken>> {
  const fromSecrets = secrets.get(HOST_KEYS.tokens);
  const text = fromSecrets ?? context.get(HOST_KEYS.tokens);
  if (text === undefined) return parsed(new Map());
  const tokens = parseJsonTokens(text);
  if (tokens.ok) return tokens;
  const field = fromSecrets === undefined ? contextField(HOST_KEYS.tokens) : `secrets[${HOST_KEYS.tokens}]`;
  return faulty([{ field, message: SHAPE }]);
}

function parseJsonTokens(text: string): Parsed<ReadonlyMap<string, HeldToken>> {
  const json = parseBoundedJson(text, TOKENS_LIMITS);
  return json.ok ? parseBy(TOKENS, json.value) : json;
}

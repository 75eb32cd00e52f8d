import type { Fault } from '../../base/errors.ts';
import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import { parseYamlDocuments } from '../../objects/manifest/yaml.ts';
import { parseObjectName } from '../../objects/names.ts';
import { TEXT_LIMITS } from '../../objects/text-limits.ts';
import { parseVolumeSource, parseVolumeSourceText } from '../../spec/parse-volume-source.ts';
import type { VolumeDefinition, VolumeSpec } from '../../spec/volume-spec.ts';
import { Reading } from '../reading.ts';
import type { TextMap } from './text-map.ts';

/** Each says what the volume contains; there is one of them, or none. */
const DEFINING_KEYS = ['spec', 'secretName', 'configMapName', 'projectedVolume'] as const;
/** What goes with secretName or configMapName. */
const SHORTHAND_OPTIONS = ['items', 'defaultMode', 'optional'] as const;
export const DEFINITION_KEYS: readonly string[] = [...DEFINING_KEYS, ...SHORTHAND_OPTIONS];

/**
 * What volume_context says the volume contains: a `spec`, the shorthand, or the name of a ProjectedVolume. With none of
 * them the request's own data is the payload, a file per key, as long as there is any.
 */
export function parseContextDefinition(context: TextMap, hasData: boolean): Parsed<VolumeDefinition> {
  const fromData = hasData
    ? inline(parseVolumeSource({ request: {} }, context.field))
    : refuse<VolumeDefinition>(
        context,
        `must have one of ${list()}, or the request must bring secrets; neither is there`,
      );
  return parseDefinition(context, fromData);
}

/** What CreateVolume's parameters say the volume contains, by the same keys. */
export function parseParametersDefinition(parameters: TextMap): Parsed<VolumeDefinition> {
  return parseDefinition(parameters, refuse(parameters, `must have one of ${list()}; none is there`));
}

/** `otherwise` is what holds when no key says anything. */
function parseDefinition(texts: TextMap, otherwise: Parsed<VolumeDefinition>): Parsed<VolumeDefinition> {
  const given = DEFINING_KEYS.filter((key) => texts.has(key));
  if (given.length > 1) return refuse(texts, `must have exactly one of ${list()}; ${given.join(' and ')} are there`);
  const [key] = given;
  const stray = key === 'secretName' || key === 'configMapName' ? [] : strayOptions(texts);
  const definition = key === undefined ? otherwise : definitionBy(key, texts);
  if (stray.length === 0) return definition;
  return faulty([...(definition.ok ? [] : definition.faults), ...stray]);
}

function definitionBy(key: (typeof DEFINING_KEYS)[number], texts: TextMap): Parsed<VolumeDefinition> {
  const text = texts.get(key) ?? '';
  if (key === 'spec') return inline(parseVolumeSourceText(text, texts.at(key)));
  if (key === 'projectedVolume') {
    const name = parseObjectName(text, texts.at(key));
    return name.ok ? parsed({ kind: 'named', projectedVolume: name.value }) : name;
  }
  return inline(parseShorthand(key, text, texts));
}

function strayOptions(texts: TextMap): Fault[] {
  return SHORTHAND_OPTIONS.filter((option) => texts.has(option)).map((option) => ({
    field: texts.at(option),
    message: 'goes with secretName or configMapName only; put it into the spec',
  }));
}

/** The shorthand is the source it stands for, so that it follows the same rules and has the same defaults. */
function parseShorthand(key: 'secretName' | 'configMapName', name: string, texts: TextMap): Parsed<VolumeSpec> {
  const reading = new Reading();
  const options = {
    items: readOption(reading, texts, 'items', parseItems),
    defaultMode: readOption(reading, texts, 'defaultMode', parseMode),
    optional: readOption(reading, texts, 'optional', parseBoolean),
  };
  const raw = key === 'secretName' ? { secret: { secretName: name, ...options } } : { configMap: { name, ...options } };
  const spec = parseVolumeSource(raw, '');
  if (!spec.ok) reading.note(spec.faults.map((fault) => asShorthandFault(fault, texts)));
  return spec.ok && reading.isGood ? spec : faulty(reading.faults);
}

function readOption<T>(
  reading: Reading,
  texts: TextMap,
  key: (typeof SHORTHAND_OPTIONS)[number],
  parse: (text: string, field: string) => Parsed<T>,
): T | undefined {
  const text = texts.get(key);
  return text === undefined ? undefined : reading.take(parse(text, texts.at(key)));
}

/** `secret.items[0].path` → `volume_context[items][0].path`. */
function asShorthandFault({ field, message }: Fault, texts: TextMap): Fault {
  const [, kind, key = '', rest = ''] = /^(secret|configMap)\.(\w+)(.*)$/.exec(field) ?? [];
  if (kind === undefined) return { field: texts.field, message };
  const own = kind === 'configMap' && key === 'name' ? 'configMapName' : key;
  // A conflict of two paths ends with the place of the other one.
  const translated = message.replace(/ at (?:secret|configMap)\.items(\[\d+\]\.path)$/, ` at ${texts.at('items')}$1`);
  return { field: texts.at(own) + rest, message: translated };
}

function parseItems(text: string, field: string): Parsed<unknown> {
  const documents = parseYamlDocuments(text, TEXT_LIMITS.context);
  if (!documents.ok) return faulty(documents.faults.map((fault) => ({ ...fault, field })));
  const [items, ...more] = documents.value;
  // Nothing would mean every key, which is hardly what somebody who wrote "items" wants.
  if (Array.isArray(items) && more.length === 0) return parsed(items);
  return faulty([{ field, message: 'must be one YAML or JSON list of {key, path} pairs' }]);
}

/** Kubernetes' decimal, or octal with a leading zero as in YAML; the range is the volume source's to check. */
function parseMode(text: string, field: string): Parsed<number> {
  if (/^0[0-7]+$/.test(text)) return parsed(Number.parseInt(text, 8));
  if (/^(?:0|[1-9]\d*)$/.test(text)) return parsed(Number(text));
  return faulty([{ field, message: 'must be a mode: octal with a leading 0 like 0400, or decimal like 256' }]);
}

function parseBoolean(text: string, field: string): Parsed<boolean> {
  if (text === 'true' || text === 'false') return parsed(text === 'true');
  return faulty([{ field, message: 'must be "true" or "false"' }]);
}

function inline(spec: Parsed<VolumeSpec>): Parsed<VolumeDefinition> {
  return spec.ok ? parsed({ kind: 'inline', spec: spec.value }) : spec;
}

function refuse<T>({ field }: TextMap, message: string): Parsed<T> {
  return faulty([{ field, message }]);
}

function list(): string {
  return DEFINING_KEYS.join(', ');
}

import type { Document, DocumentOptions, ErrorCode, ParseOptions, ScalarTag, SchemaOptions } from 'yaml';
import { parseBase64 } from '../../base/text.ts';
import { numberTags } from '../bounded-json.ts';

/** Types of YAML 1.1 that Kubernetes reads as plain text. */
const TEXT_TO_KUBERNETES = /:(timestamp|omap|pairs|set)$/;

/** Text in base64. Bytes that are not UTF-8 are refused, because Go changes them on the way to JSON. */
const binary: ScalarTag = {
  tag: 'tag:yaml.org,2002:binary',
  resolve: (written, onError) => {
    const bytes = parseBase64(written, '');
    if (!bytes.ok) {
      onError(NOT_BASE64);
      return '';
    }
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.value);
    } catch {
      onError(NOT_TEXT);
      return '';
    }
  },
};

type YamlOptions = ParseOptions & DocumentOptions & SchemaOptions;

/** `exact`: see `numberTags`. `schema` is explicit, or a document's own `%YAML 1.2` would make `0400` decimal. */
export function kubernetesYaml(exact: boolean): YamlOptions {
  return exact ? EXACT : DOUBLES;
}

const EXACT = optionsFor(true);
const DOUBLES = optionsFor(false);

function optionsFor(exact: boolean): YamlOptions {
  return {
    version: '1.1',
    schema: 'yaml-1.1',
    merge: true,
    stringKeys: true,
    customTags: (tags) => [
      ...numberTags(exact),
      ...tags.filter((tag) => typeof tag === 'string' || !isReplaced(tag)),
      binary,
    ],
    // Warnings and pretty errors quote the input.
    logLevel: 'error',
    prettyErrors: false,
  };
}

/** The library's `.inf` and `.nan` stay. */
function isReplaced({ tag, test }: { readonly tag: string; readonly test?: RegExp }): boolean {
  return TEXT_TO_KUBERNETES.test(tag) || /:binary$/.test(tag) || (/:(int|float)$/.test(tag) && !test?.test('.nan'));
}

export type ProblemCode = ErrorCode | 'BAD_ALIAS_TARGET' | 'TOO_MANY_ALIASES' | typeof NOT_BASE64 | typeof NOT_TEXT;

/** Errors of our own tags, which the library passes on as messages. */
const NOT_BASE64 = 'NOT_BASE64';
const NOT_TEXT = 'NOT_TEXT';

/** `offset` is in characters. */
export type YamlProblem = { readonly offset: number; readonly code: ProblemCode };

/** Each alias is looked up among all of them, so their number bounds the time. */
export const MAX_ALIASES = 1000;

const STRUCTURE = 'the structure breaks here; check indentation, quotes, colons and brackets';

/** The library's messages may quote the input, so each code has a message of its own here. */
export const MEANINGS: Readonly<Record<ProblemCode, string>> = {
  ALIAS_PROPS: 'an alias (*name) can have neither an anchor nor a tag',
  BAD_ALIAS: 'not a valid alias; a value that starts with * must be quoted',
  BAD_ALIAS_TARGET:
    'an alias (*name) must come after its anchor (&name) and not stand inside it; a value that starts with * must be quoted',
  BAD_COLLECTION_TYPE: STRUCTURE,
  BAD_DIRECTIVE: 'not a directive that YAML has; a value that starts with % must be quoted',
  BAD_DQ_ESCAPE: 'not an escape that YAML has; write \\\\ for a backslash, or use single quotes',
  BAD_INDENT: 'wrong indentation',
  BAD_PROP_ORDER: STRUCTURE,
  BAD_SCALAR_START: 'a value cannot start with this character unless it is quoted',
  BLOCK_AS_IMPLICIT_KEY: 'a mapping or list cannot start here; a value with a colon and a space must be quoted',
  BLOCK_IN_FLOW: STRUCTURE,
  DUPLICATE_KEY: 'this key is in the mapping already',
  IMPOSSIBLE: STRUCTURE,
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters; a colon may be missing or a quote not closed',
  MISSING_CHAR: 'a closing quote or bracket, a colon, a comma or a space is missing',
  MULTILINE_IMPLICIT_KEY: 'a key goes over several lines; a colon may be missing or a quote not closed',
  MULTIPLE_ANCHORS: 'a value can have one anchor (&name) only; a value that starts with & must be quoted',
  MULTIPLE_DOCS: 'one document only can stand here',
  MULTIPLE_TAGS: 'a value can have one tag only; a value that starts with ! must be quoted',
  NOT_BASE64: '!!binary must be base64',
  NOT_TEXT:
    'the bytes of this !!binary are not UTF-8 text; put them as base64 into data or binaryData, without the tag',
  NON_STRING_KEY: 'a key must be text',
  RESOURCE_EXHAUSTION: 'nested too deep',
  TAB_AS_INDENT: 'a tab cannot indent; use spaces',
  TAG_RESOLVE_FAILED: 'this tag is not supported; a value that starts with ! must be quoted',
  TOO_MANY_ALIASES: `more than ${MAX_ALIASES} aliases (*name)`,
  UNEXPECTED_TOKEN: STRUCTURE,
};

export function problemsOf({ errors, warnings }: Document.Parsed): YamlProblem[] {
  return [...errors, ...warnings].map(({ pos, code, message }) => {
    return { offset: pos[0], code: message === NOT_BASE64 || message === NOT_TEXT ? message : code };
  });
}

import type { DocumentOptions, ParseOptions, ScalarTag, SchemaOptions } from 'yaml';
import { parseBase64 } from './base64.ts';
import { numberTags } from './yaml-numbers.ts';
import { NOT_BASE64, NOT_TEXT } from './yaml-problems.ts';

/** Types of YAML 1.1 that are plain text to Kubernetes. */
const TEXT_TO_KUBERNETES = /:(timestamp|omap|pairs|set)$/;

/** Text in base64. To Go, bytes that are not UTF-8 become others on the way to JSON. */
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

/**
 * YAML as Kubernetes reads it; see `numberTags` for `exact`. `schema` is named too, or a document's own `%YAML 1.2` would
 * make `0400` decimal.
 */
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

/** `.inf` and `.nan` are the library's. */
function isReplaced({ tag, test }: { readonly tag: string; readonly test?: RegExp }): boolean {
  return TEXT_TO_KUBERNETES.test(tag) || /:binary$/.test(tag) || (/:(int|float)$/.test(tag) && !test?.test('.nan'));
}

import type { DocumentOptions, ParseOptions, ScalarTag, SchemaOptions } from 'yaml';

/** Types of YAML 1.1 that are plain text to Kubernetes. */
const TEXT_TO_KUBERNETES = /:(timestamp|binary|omap|pairs|set)$/;

/** Go reads `0o400` as octal too. */
const goOctal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  format: 'OCT',
  test: /^[-+]?0o[0-7]+$/,
  resolve: (text) => (text.startsWith('-') ? -1 : 1) * Number.parseInt(text.replace(/^[-+]?0o/, ''), 8),
};

/** A dot without a digit: the library makes NaN of it, to Go it is text (`resources: [.]`). */
const loneDot: ScalarTag = {
  tag: 'tag:yaml.org,2002:str',
  default: true,
  test: /^[-+]?\._*$/,
  resolve: (text) => text,
};

/** YAML as Kubernetes reads it. `schema` is named too, or a document's own `%YAML 1.2` would make `0400` decimal. */
export const KUBERNETES_YAML: ParseOptions & DocumentOptions & SchemaOptions = {
  version: '1.1',
  schema: 'yaml-1.1',
  merge: true,
  stringKeys: true,
  customTags: (tags) => [
    loneDot,
    ...tags.filter((tag) => {
      if (typeof tag === 'string') return true;
      const isBase60 = 'format' in tag && tag.format === 'TIME';
      return !isBase60 && !TEXT_TO_KUBERNETES.test(tag.tag);
    }),
    goOctal,
  ],
  // Warnings and pretty errors quote the input.
  logLevel: 'error',
  prettyErrors: false,
};

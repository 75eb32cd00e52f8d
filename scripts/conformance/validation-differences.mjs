/**
 * Objects that only one of both refuses, by decision: every fault of such an object, with the name of the case in
 * brackets after it, matches one of these, and docs/differences.md has the phrase.
 *
 * @typedef {{ phrase: string, refusedBy: 'Lantern' | 'Kubernetes', fault: RegExp }} Difference
 */

const NAME = /(secretName|(secret|configMap|secretRef|configMapRef)\.name|(imagePullSecrets|secrets)\[\d+\](\.name)?)/
  .source;

/** @type {readonly Difference[]} */
export const DECIDED = [
  {
    phrase: 'References by invalid names',
    refusedBy: 'Lantern',
    fault: new RegExp(
      `${NAME}: (must be a DNS-1123|must be no more than 253|must not be empty|is required|must be a \\w+, not null)`,
    ),
  },
  {
    phrase: 'A mountPath that is relative, is `/`, or contains `..` or `:`',
    refusedBy: 'Lantern',
    fault: /mountPath: must (be an absolute path|not be '\/'|not contain '(\.\.|:)')/,
  },
  {
    phrase: 'Two mounts at the same path in different spellings',
    refusedBy: 'Lantern',
    fault: /mountPath: must be unique/,
  },
  { phrase: "A mount inside another of Lantern's", refusedBy: 'Lantern', fault: /mountPath: must not lie in/ },
  {
    phrase: 'An empty entry of `projected.sources`',
    refusedBy: 'Lantern',
    fault: /sources\[\d+\]: (must be a mapping, not null|must have exactly one of .*; none is there)/,
  },
  {
    phrase: 'A `path` or `subPath` that is the volume itself, or begins with `..`',
    refusedBy: 'Lantern',
    fault: /(path|subPath|subPathExpr): must (name a file inside the volume|not start with '\.\.')/,
  },
  {
    phrase: 'One path of a volume in two spellings, or as a file and a directory',
    refusedBy: 'Lantern',
    fault: /path: (conflicting duplicate paths|".*" needs ".*" as a directory)/,
  },
  {
    phrase: 'A quantity without a digit',
    refusedBy: 'Lantern',
    fault: /must be a quantity, .* \([^"]*"[^\d"]*([eE][-+]?\d+)? *"\)$/,
  },
  {
    phrase: 'A divisor with a sign or a zero before it, a point without digits, or an exponent',
    refusedBy: 'Lantern',
    fault: /divisor: must be 1[ ,].* \([^"]*"([+0][^"]*|\d*\.\D[^"]*|[\d.]+[eE][^"]+)"\)$/,
  },
  {
    phrase: 'An exponent of a quantity beyond 64',
    refusedBy: 'Lantern',
    fault: /must have an exponent between -64 and 64/,
  },
  {
    phrase: 'Bytes as a list of numbers',
    refusedBy: 'Lantern',
    fault: /^(data|binaryData)\[.*\]: must be a string, not a list/,
  },
  {
    phrase: 'null in an object that `apply` creates',
    refusedBy: 'Lantern',
    fault: /^data\[.*\]: is required for type .* \(.* is null\)$/,
  },
  {
    phrase: '`managedFields`, `ownerReferences`, `finalizers` and the like',
    refusedBy: 'Kubernetes',
    fault: /ObjectMeta\.metadata\.\w+ of type|^parsing time/,
  },
];

import { faulty, type Parsed } from '../base/parsed.ts';

/** Bytes are counted before a text is parsed, nodes during parsing. */
export type TextLimits = {
  readonly bytes: number;
  /** Keys, values, lists and mappings, including repetitions by aliases. */
  readonly nodes: number;
  /** The advice for a text that exceeds a limit. */
  readonly remedy: string;
};

const KIB = 1024;
const MIB = 1024 * KIB;

/** Also listed in `docs/limits.md`. YAML costs about 20 µs and 1.2 KB a node, so any text takes at most some 80 MB. */
export const TEXT_LIMITS = {
  /** A key of CSI's volume_context or parameters, which are limited to 4 KiB together. */
  context: { bytes: 4 * KIB, nodes: 1_500, remedy: 'apply a ProjectedVolume and name it in "projectedVolume"' },
  pod: { bytes: MIB, nodes: 60_000, remedy: 'leave out what its volumes and variables do not need' },
  spec: { bytes: 256 * KIB, nodes: 60_000, remedy: 'make several ProjectedVolumes of it' },
  document: { bytes: 4 * MIB, nodes: 60_000, remedy: 'split it into documents with "---" lines between them' },
  kustomization: { bytes: 256 * KIB, nodes: 10_000, remedy: 'split it into several kustomizations' },
} as const satisfies Readonly<Record<string, TextLimits>>;

/** A docker configuration in a Secret. The byte limit is that of all values of a Secret. */
export const DOCKER_CONFIG_LIMITS = { bytes: MIB, nodes: 10_000 };

/** The fault if the text is too large to parse. Takes microseconds. */
export function tooLarge(text: string, { bytes, remedy }: Pick<TextLimits, 'bytes' | 'remedy'>): string | undefined {
  // A UTF-16 unit takes one to three bytes of UTF-8.
  const fits = text.length <= bytes && (text.length * 3 <= bytes || Buffer.byteLength(text) <= bytes);
  return fits ? undefined : `must be no more than ${formatBytes(bytes)}; ${remedy}`;
}

export function tooManyNodes<T>({ nodes, remedy }: TextLimits): Parsed<T> {
  const message = `must have no more than ${nodes} keys, values, lists and mappings, with what aliases repeat; ${remedy}`;
  return faulty([{ field: '', message }]);
}

function formatBytes(bytes: number): string {
  if (bytes % MIB === 0) return `${bytes / MIB} MiB`;
  return bytes % KIB === 0 ? `${bytes / KIB} KiB` : `${bytes} bytes`;
}

import { faulty, type Parsed } from '../base/parsed.ts';

/** How much one text may hold. Bytes are counted before it is parsed, nodes while it is. */
export type TextLimits = {
  /** Of UTF-8. */
  readonly bytes: number;
  /** Keys, values, lists and mappings, with everything that aliases repeat. */
  readonly nodes: number;
  /** The remedy for a text that exceeds a limit. */
  readonly remedy: string;
};

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * What is read from outside, by what it is; `docs/limits.md` lists the same. YAML costs about 20 µs and 1.2 KB a node,
 * so these bound the memory to some 80 MB, whatever the text looks like.
 */
export const TEXT_LIMITS = {
  /** A key of CSI's volume_context or parameters, which have 4 KiB in all. */
  context: { bytes: 4 * KIB, nodes: 1_500, remedy: 'apply a ProjectedVolume and name it in "projectedVolume"' },
  pod: { bytes: MIB, nodes: 60_000, remedy: 'leave out what its volumes and variables do not need' },
  spec: { bytes: 256 * KIB, nodes: 60_000, remedy: 'make several ProjectedVolumes of it' },
  /** One document of a manifest. */
  document: { bytes: 4 * MIB, nodes: 60_000, remedy: 'split it into documents with "---" lines between them' },
  kustomization: { bytes: 256 * KIB, nodes: 10_000, remedy: 'split it into several kustomizations' },
} as const satisfies Readonly<Record<string, TextLimits>>;

/** A docker configuration in a Secret, whose values have no more bytes in all. */
export const DOCKER_CONFIG_LIMITS = { bytes: MIB, nodes: 10_000 };

/** The fault of a text that is too large to be parsed; undefined for one that is not. Takes microseconds. */
export function tooLarge(text: string, { bytes, remedy }: Pick<TextLimits, 'bytes' | 'remedy'>): string | undefined {
  // No character takes less than a byte, nor more than three for each unit of its length.
  const fits = text.length <= bytes && (text.length * 3 <= bytes || Buffer.byteLength(text) <= bytes);
  return fits ? undefined : `must be no more than ${formatBytes(bytes)}; ${remedy}`;
}

/** The fault of a text with too many nodes. */
export function tooManyNodes<T>({ nodes, remedy }: TextLimits): Parsed<T> {
  const message = `must have no more than ${nodes} keys, values, lists and mappings, with what aliases repeat; ${remedy}`;
  return faulty([{ field: '', message }]);
}

function formatBytes(bytes: number): string {
  if (bytes % MIB === 0) return `${bytes / MIB} MiB`;
  return bytes % KIB === 0 ? `${bytes / KIB} KiB` : `${bytes} bytes`;
}

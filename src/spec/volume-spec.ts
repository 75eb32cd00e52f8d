import type { FieldPath } from './field-path.ts';
import type { RelativePath } from './relative-path.ts';

/**
 * What a volume shall contain, parsed and defaulted. The five single-source shapes and `projected` become the same
 * thing: a list of sources, later ones over earlier ones.
 */
export type VolumeSpec = {
  readonly sources: readonly SourceSpec[];
  /** Permission bits, 0 to 0o777. */
  readonly defaultMode: number;
  readonly defaultUser: number | undefined;
  readonly defaultGroup: number | undefined;
};

export type SourceSpec = ObjectSource | DownwardSource | TokenSource | RequestSource;

/** Keys of a Secret or ConfigMap. */
export type ObjectSource = {
  readonly kind: 'secret' | 'configMap';
  readonly name: string;
  /** Every key, a file of that name, where undefined. */
  readonly items: readonly KeyToPath[] | undefined;
  readonly optional: boolean;
};

/** Keys of the request's own data. */
export type RequestSource = { readonly kind: 'request'; readonly items: readonly KeyToPath[] | undefined };

export type DownwardSource = { readonly kind: 'downwardAPI'; readonly items: readonly DownwardItem[] };

export type TokenSource = {
  readonly kind: 'serviceAccountToken';
  /** The daemon's own audience where empty. */
  readonly audience: string;
  readonly expirationSeconds: number;
  readonly path: RelativePath;
  /** Whose file it is; the volume's default where undefined. */
  readonly user: number | undefined;
};

/** Mode and owner of one file; the volume's defaults where undefined. */
export type FileAttributes = {
  readonly mode: number | undefined;
  readonly user: number | undefined;
  readonly group: number | undefined;
};

export type KeyToPath = FileAttributes & { readonly key: string; readonly path: RelativePath };

export type DownwardItem = FileAttributes & { readonly path: RelativePath; readonly value: DownwardValue };

export type DownwardValue =
  | { readonly kind: 'field'; readonly field: FieldPath }
  | {
      readonly kind: 'resource';
      readonly containerName: string;
      /** `limits.cpu`, `requests.memory`, … */
      readonly resource: string;
      /** A Kubernetes quantity. */
      readonly divisor: string;
    };

/** A volume's content by value, or by the name of a ProjectedVolume object in the volume's namespace. */
export type VolumeDefinition =
  | { readonly kind: 'inline'; readonly spec: VolumeSpec }
  | { readonly kind: 'named'; readonly projectedVolume: string };

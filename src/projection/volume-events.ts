/** What happens to a volume. `time` is milliseconds since 1970 UTC. */
export type VolumeEvent = { readonly volumeId: string; readonly namespace: string; readonly time: number } & (
  | { readonly type: 'mounted' | 'unmounted'; readonly target: string }
  | {
      readonly type: 'updated';
      readonly oldGeneration: string | undefined;
      readonly newGeneration: string;
      readonly changedPaths: readonly string[];
      /** From the moment the source reported the change to the swap, in milliseconds; undefined for a request's own update. */
      readonly propagationMs: number | undefined;
    }
  | { readonly type: 'update-skipped'; readonly target: string; readonly message: string }
  | { readonly type: 'failed' | 'warning'; readonly message: string }
);

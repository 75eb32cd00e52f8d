/** Where an etcd is, and who this daemon is there. */
export type EtcdConfig = {
  /** `http://host:port` or `https://host:port`, all alike; never empty. */
  readonly endpoints: readonly string[];
  /** Everything lies below it: begins with a slash and does not end with one. */
  readonly prefix: string;
  /** Paths of PEM files; the system's authorities where `ca` is undefined. */
  readonly ca: string | undefined;
  readonly pair: { readonly cert: string; readonly key: string } | undefined;
  readonly login: { readonly user: string; readonly passwordFile: string } | undefined;
  /** Daemons that start together make their first call within this, each at random. */
  readonly startSpreadMs: number;
};

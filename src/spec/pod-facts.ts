/** What the request says about its workload, for the downward API and for tokens. */
export type PodFacts = {
  readonly name: string;
  readonly uid: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  readonly serviceAccountName: string;
  readonly containers: readonly ContainerResources[];
};

export type ContainerResources = {
  readonly name: string;
  /** Resource name to Kubernetes quantity. */
  readonly limits: ReadonlyMap<string, string>;
  readonly requests: ReadonlyMap<string, string>;
};

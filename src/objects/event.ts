/** Kubernetes' two kinds of event. */
type EventType = 'Normal' | 'Warning';

/** The kinds of object of events. */
export const INVOLVED_KINDS = ['Pod', 'Volume', 'Secret', 'ConfigMap', 'ServiceAccount'] as const;

/** The object of an event. A volume, which is not an object in Kubernetes, is one here, named by its id. */
export type InvolvedObject = {
  readonly kind: (typeof INVOLVED_KINDS)[number];
  readonly namespace: string;
  readonly name: string;
  /** Empty where it is not known. */
  readonly uid: string;
  /** The part of it, as kubectl's SUBOBJECT has it: `spec.containers{app}`; empty for the whole. */
  readonly fieldPath: string;
};

/** The pod as what an event is about, or a part of it; undefined where nothing names one. */
export function involvedPod(
  namespace: string,
  pod: { readonly name: string; readonly uid: string } | undefined,
  fieldPath = '',
): InvolvedObject | undefined {
  if (pod === undefined || pod.name === '') return undefined;
  return { kind: 'Pod', namespace, name: pod.name, uid: pod.uid, fieldPath };
}

/** An event as its source reports it. No secret bytes. */
export type EventDraft = {
  readonly involved: InvolvedObject;
  readonly type: EventType;
  /** One word in CamelCase, e.g. `FailedMount`. */
  readonly reason: string;
  readonly message: string;
};

/** Takes note of events. It never throws, and never waits. */
export interface EventRecorder {
  record(event: EventDraft): void;
}

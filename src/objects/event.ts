/** Kubernetes' two kinds of event. */
type EventType = 'Normal' | 'Warning';

/** What an event can be about. */
export const INVOLVED_KINDS = ['Pod', 'Volume', 'Secret', 'ConfigMap', 'ServiceAccount'] as const;

/** What an event is about. A volume has no object of its own in Kubernetes; here it is one by its id. */
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

/** Something noteworthy, as whoever sees it says so. Never holds a secret byte. */
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

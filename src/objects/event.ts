type EventType = 'Normal' | 'Warning';

export const INVOLVED_KINDS = [
  'Pod',
  'Volume',
  'Secret',
  'ConfigMap',
  'ServiceAccount',
  'UnitCredentials',
  'Unit',
] as const;

/** The object of an event. Here, unlike in Kubernetes, a volume is an object, named by its id. */
export type InvolvedObject = {
  readonly kind: (typeof INVOLVED_KINDS)[number];
  readonly namespace: string;
  readonly name: string;
  /** Empty if unknown. */
  readonly uid: string;
  /** A part of the object, as in kubectl's SUBOBJECT: `spec.containers{app}`; empty for the whole. */
  readonly fieldPath: string;
};

/** Undefined if no pod is named. */
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

/** Recording never throws and never waits. */
export interface EventRecorder {
  record(event: EventDraft): void;
}

import type { Event__Output as WireEvent } from '../../rpc/generated/lantern/v1/Event.ts';
import { EVENT_COMPONENT, eventType } from './events-table.ts';

/** An event in the shape of Kubernetes' v1 Event. */
export function eventManifest(event: WireEvent): Record<string, unknown> {
  const { id, involvedObject, reason, message, count, firstTimestamp, lastTimestamp, host } = event;
  const { kind = '', namespace = '', name = '', uid = '', fieldPath = '' } = involvedObject ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: id, namespace },
    involvedObject: { kind, namespace, name, ...(uid !== '' && { uid }), ...(fieldPath !== '' && { fieldPath }) },
    type: eventType(event),
    reason,
    message,
    count,
    firstTimestamp,
    lastTimestamp,
    source: { component: EVENT_COMPONENT, host },
  };
}

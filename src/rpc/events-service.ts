import { LanternError } from '../base/errors.ts';
import type { EventLog } from '../projection/event-log.ts';
import type { EventsMethods } from './services.ts';

/** lantern.v1.Events. `host` is the node that the events are from. */
export function eventsService(_log: EventLog, _host: string): EventsMethods {
  const refuse = () => {
    throw new LanternError('unimplemented', 'events');
  };
  return { list: refuse, watch: refuse };
}

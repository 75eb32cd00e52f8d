import { status } from '@grpc/grpc-js';
import type { HealthHandlers } from '../generated/grpc/health/v1/Health.ts';

export type Health = 'SERVING' | 'NOT_SERVING';
type Watch = Parameters<HealthHandlers['Watch']>[0];

/** grpc.health.v1.Health. The library's would load the parser of .proto files at every start. */
export class HealthService {
  readonly #statuses: Map<string, Health>;
  readonly #watches = new Set<Watch>();

  constructor(statuses: Readonly<Record<string, Health>>) {
    this.#statuses = new Map(Object.entries(statuses));
  }

  set(service: string, health: Health): void {
    if (this.#statuses.get(service) === health) return;
    this.#statuses.set(service, health);
    for (const watch of this.#watches) if (watch.request.service === service) watch.write({ status: health });
  }

  readonly methods: HealthHandlers = {
    Check: ({ request }, callback) => {
      const health = this.#statuses.get(request.service);
      if (health === undefined) callback({ code: status.NOT_FOUND, details: 'no such service' });
      else callback(null, { status: health });
    },
    List: (_call, callback) => {
      const statuses = [...this.#statuses].map(([service, health]) => [service, { status: health }]);
      callback(null, { statuses: Object.fromEntries(statuses) });
    },
    Watch: (watch) => {
      this.#watches.add(watch);
      watch.on('cancelled', () => this.#watches.delete(watch));
      watch.write({ status: this.#statuses.get(watch.request.service) ?? 'SERVICE_UNKNOWN' });
    },
  };
}

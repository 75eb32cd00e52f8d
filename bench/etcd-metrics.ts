/** One reading of a member's own counters, by metric and by gRPC method. */
export class EtcdReading {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  static async of(clientUrl: string): Promise<EtcdReading> {
    return new EtcdReading(await (await fetch(`${clientUrl}/metrics`)).text());
  }

  /** The sum over all labels that contain `label`; 0 where there is none. */
  sum(metric: string, label = ''): number {
    let sum = 0;
    for (const line of this.#text.split('\n')) {
      if (!line.startsWith(metric) || !/^[ {]/.test(line.slice(metric.length)) || !line.includes(label)) continue;
      sum += Number(line.slice(line.lastIndexOf(' ') + 1));
    }
    return sum;
  }

  /** Calls begun: reads, and transactions, since the member's start. */
  get requests(): number {
    return this.#calls('Range') + this.#calls('Txn');
  }

  get streams(): number {
    return this.#calls('Watch');
  }

  get watchers(): number {
    return this.sum('etcd_debugging_mvcc_watcher_total');
  }

  get bytesSent(): number {
    return this.sum('etcd_network_client_grpc_sent_bytes_total');
  }

  get bytesReceived(): number {
    return this.sum('etcd_network_client_grpc_received_bytes_total');
  }

  /** Resident, in bytes. */
  get memory(): number {
    return this.sum('process_resident_memory_bytes');
  }

  /** Seconds of a processor. */
  get processor(): number {
    return this.sum('process_cpu_seconds_total');
  }

  #calls(method: string): number {
    return this.sum('grpc_server_started_total', `grpc_method="${method}"`);
  }
}

/** Requests per second at one member, while it is watched: the most within any one interval, and in all. */
export class RequestRate implements AsyncDisposable {
  static readonly intervalMs = 250;
  most = 0;
  readonly #clientUrl: string;
  readonly #running: Promise<void>;
  #isOver = false;

  constructor(clientUrl: string) {
    this.#clientUrl = clientUrl;
    this.#running = this.#watch();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #watch(): Promise<void> {
    let before: { readonly requests: number; readonly at: number } | undefined;
    while (!this.#isOver) {
      // A member that is down has no rate, and counts from zero afterwards.
      const requests = await EtcdReading.of(this.#clientUrl).then(
        (reading) => reading.requests,
        () => undefined,
      );
      const at = performance.now();
      if (requests === undefined) before = { requests: 0, at };
      else {
        if (before !== undefined)
          this.most = Math.max(this.most, ((requests - before.requests) / (at - before.at)) * 1000);
        before = { requests, at };
      }
      await new Promise((resolve) => setTimeout(resolve, RequestRate.intervalMs));
    }
  }
}

import { setMaxListeners } from 'node:events';
import { Server, type ServerOptions } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { boundedDefinition } from './bounded-messages.ts';
import type { CallObserver } from './call-observer.ts';
import { CallDesk } from './handler.ts';
import { STORE_SERVICE } from './health-services.ts';
import { endLibraryStreams } from './library-streams.ts';
import { MAX_MESSAGE_BYTES, MAX_REQUEST_BYTES } from './limits.ts';
import { csi, lantern } from './protos.ts';
import { reflectedProtos } from './reflected-protos.ts';
import {
  type ControllerMethods,
  type EventsMethods,
  type IdentityMethods,
  implementationOf,
  type NodeMethods,
  type ObjectsMethods,
  type ProjectorMethods,
  type Service,
  type TokensMethods,
} from './services.ts';
import { listenOnTcp, type TcpOptions } from './tcp-listener.ts';
import { UnixSocket } from './unix-socket.ts';

export type RpcServerOptions = {
  /** Socket of csi.v1, alone in its directory. */
  readonly csiSocket: string;
  /** Socket of everything. */
  readonly lanternSocket: string;
  /** The group that may open the sockets besides their owner. */
  readonly socketGroup: number | undefined;
  readonly tcp: TcpOptions | undefined;
  readonly methods: {
    readonly identity: IdentityMethods;
    readonly controller: ControllerMethods;
    readonly node: NodeMethods;
    readonly projector: ProjectorMethods;
    readonly objects: ObjectsMethods;
    readonly events: EventsMethods;
    readonly tokens: TokensMethods;
  };
  /** Hears of every call. */
  readonly calls?: CallObserver | undefined;
  readonly clock: Clock;
  readonly log: Log;
};

/** How long calls under way may take to end, in milliseconds. */
const DRAIN_MS = 5_000;

const SERVER_OPTIONS: ServerOptions = {
  'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  // A watch may be silent for days: the server asks whether its client is still there, and lets clients ask.
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.keepalive_permit_without_calls': 1,
};

/** The daemon's gRPC servers: one for CSI hosts, one for everything, and the latter on TCP where asked for. */
export class RpcServer implements AsyncDisposable {
  readonly #options: RpcServerOptions;
  readonly #shutdown = new AbortController();
  readonly #csi = new Server(SERVER_OPTIONS);
  readonly #all = new Server({ ...SERVER_OPTIONS, interceptors: [endLibraryStreams(this.#shutdown.signal)] });
  readonly #health = new HealthImplementation({ '': 'NOT_SERVING', [STORE_SERVICE]: 'SERVING' });
  readonly #sockets: UnixSocket[] = [];
  #isServing = false;

  constructor(options: RpcServerOptions) {
    this.#options = options;
    // One listener per call under way is no leak, whatever their number.
    setMaxListeners(0, this.#shutdown.signal);
    const { identity, controller, node, projector, objects, events, tokens } = options.methods;
    const csiServices: Service[] = [
      { definition: csi.Identity.service, methods: identity },
      { definition: csi.Controller.service, methods: controller },
      { definition: csi.Node.service, methods: node },
    ];
    const ownServices: Service[] = [
      { definition: lantern.Projector.service, methods: projector },
      { definition: lantern.Objects.service, methods: objects },
      { definition: lantern.Events.service, methods: events },
      { definition: lantern.Tokens.service, methods: tokens },
    ];
    const desk = new CallDesk(options.log, this.#shutdown.signal, options.calls);
    for (const service of [...csiServices, ...ownServices]) {
      const definition = boundedDefinition(service.definition);
      const methods = implementationOf(service, desk);
      if (csiServices.includes(service)) this.#csi.addService(definition, methods);
      this.#all.addService(definition, methods);
    }
    this.#health.addToServer(this.#all);
    new ReflectionService(reflectedProtos()).addToServer(this.#all);
  }

  /** Begins to answer. `failed-precondition` when a socket is taken. */
  async start(): Promise<void> {
    const { csiSocket, lanternSocket, socketGroup, tcp } = this.#options;
    this.#sockets.push(await UnixSocket.bind(this.#all, lanternSocket, socketGroup));
    this.#sockets.push(await UnixSocket.bind(this.#csi, csiSocket, socketGroup));
    if (tcp !== undefined) await listenOnTcp(this.#all, tcp);
  }

  get isServing(): boolean {
    return this.#isServing;
  }

  /** What the standard health service says. */
  setServing(isServing: boolean): void {
    this.#isServing = isServing;
    this.#health.setStatus('', isServing ? 'SERVING' : 'NOT_SERVING');
  }

  /** What it says of the store. */
  setStoring(canStore: boolean): void {
    this.#health.setStatus(STORE_SERVICE, canStore ? 'SERVING' : 'NOT_SERVING');
  }

  /** Takes no new calls, ends waits and streams, lets what is under way finish, within a bound. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.setServing(false);
    this.#shutdown.abort();
    await Promise.all([this.#csi, this.#all].map((server) => this.#drain(server)));
    for (const socket of this.#sockets.splice(0)) socket[Symbol.dispose]();
  }

  async #drain(server: Server): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(DRAIN_MS, () => {
        this.#options.log.warn({ ms: DRAIN_MS }, 'calls did not end in time and are cut off');
        server.forceShutdown();
        resolve();
      });
      server.tryShutdown(() => {
        timer[Symbol.dispose]();
        resolve();
      });
    });
  }
}

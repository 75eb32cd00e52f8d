import { setMaxListeners } from 'node:events';
import { Server, ServerInterceptingCall, type ServerInterceptor, type ServerOptions, status } from '@grpc/grpc-js';
import type { Clock } from '../../base/clock.ts';
import { LanternError } from '../../base/errors.ts';
import { descriptorLimit } from '../../base/host-resources.ts';
import type { Log } from '../../base/log.ts';
import type { Config } from '../../config/config.ts';
import type { TcpConfig } from '../../config/rules.ts';
import { boundedDefinition } from '../bounded-messages.ts';
import { CallDesk, type CallObserver } from '../handler.ts';
import { MAX_MESSAGE_BYTES, MAX_REQUEST_BYTES } from '../limits.ts';
import { csi, health, lantern } from '../protos.ts';
import {
  type ControllerMethods,
  type EventsMethods,
  type IdentityMethods,
  implementationOf,
  type NodeMethods,
  type ObjectsMethods,
  type PageMethods,
  type ProjectorMethods,
  type Service,
  STORE_SERVICE,
  type TokensMethods,
} from '../services.ts';
import { Acceptor } from './acceptor.ts';
import {
  type ConnectionLimits,
  type ConnectionObserver,
  connectionLimits,
  type GrpcListener,
  RefusedConnections,
} from './connection-limits.ts';
import { HealthService } from './health-service.ts';
import { addReflection } from './reflection-services.ts';
import { listenOnTcp } from './tcp-listener.ts';
import { TlsHandshakes, TlsIdentityFiles } from './tls.ts';
import { UnixSocket } from './unix-socket.ts';

export type RpcServerOptions = Pick<Config, 'csiSocket' | 'lanternSocket' | 'socketGroup' | 'tcp'> & {
  readonly methods: {
    readonly identity: IdentityMethods;
    readonly controller: ControllerMethods;
    readonly node: NodeMethods;
    readonly projector: ProjectorMethods;
    readonly objects: ObjectsMethods;
    readonly events: EventsMethods;
    readonly tokens: TokensMethods;
    readonly page: PageMethods;
  };
  readonly calls?: CallObserver | undefined;
  readonly connections?: ConnectionObserver | undefined;
  /** By default derived from the process's limit of descriptors. */
  readonly limits?: Pick<ConnectionLimits, GrpcListener> | undefined;
  readonly clock: Clock;
  readonly log: Log;
};

/** Milliseconds for calls under way to end. */
const DRAIN_MS = 5_000;

const SERVER_OPTIONS: ServerOptions = {
  'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  // Per session. Every call under way costs memory, and no client has that many watches.
  'grpc.max_concurrent_streams': 1_000,
  'grpc.keepalive_permit_without_calls': 1,
  // It would keep statistics of every session and call, which nothing reads.
  'grpc.enable_channelz': 0,
};

/** The daemon's gRPC servers: one with the CSI services, and one with all services, which may also listen on TCP. */
export class RpcServer implements AsyncDisposable {
  readonly #options: RpcServerOptions;
  readonly #shutdown = new AbortController();
  readonly #csi = new Server(SERVER_OPTIONS);
  readonly #all = new Server({ ...SERVER_OPTIONS, interceptors: [endLibraryStreams(this.#shutdown.signal)] });
  readonly #health = new HealthService({ '': 'NOT_SERVING', [STORE_SERVICE]: 'SERVING' });
  readonly #refused: RefusedConnections;
  readonly #acceptors: Acceptor[] = [];
  readonly #sockets: UnixSocket[] = [];
  #isServing = false;
  #tcpPort: number | undefined;

  constructor(options: RpcServerOptions) {
    this.#options = options;
    this.#refused = new RefusedConnections(options.log, options.clock, options.connections);
    // Not a leak: every watch of health listens to it.
    setMaxListeners(0, this.#shutdown.signal);
    const { identity, controller, node, projector, objects, events, tokens, page } = options.methods;
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
      { definition: lantern.Page.service, methods: page },
    ];
    const desk = new CallDesk(options.log, this.#shutdown.signal, options.calls);
    for (const service of [...csiServices, ...ownServices]) {
      const definition = boundedDefinition(service.definition);
      const methods = implementationOf(service, desk);
      if (csiServices.includes(service)) this.#csi.addService(definition, methods);
      this.#all.addService(definition, methods);
    }
    this.#all.addService(health.service, this.#health.methods);
    addReflection(this.#all);
  }

  /** `failed-precondition` if a socket or an address is in use. */
  async start(): Promise<void> {
    const { csiSocket, lanternSocket, socketGroup, tcp } = this.#options;
    const lantern = this.#acceptor('lantern', this.#all);
    this.#sockets.push(await UnixSocket.bind(lantern.newListener(), lanternSocket, socketGroup));
    const csi = this.#acceptor('csi', this.#csi);
    this.#sockets.push(await UnixSocket.bind(csi.newListener(), csiSocket, socketGroup));
    if (tcp !== undefined) await this.#startTcp(tcp);
  }

  async #startTcp({ address, insecure, tls }: TcpConfig): Promise<void> {
    let handshake: TlsHandshakes | undefined;
    if (!insecure) {
      if (tls === undefined) {
        throw new LanternError('invalid-argument', 'TCP needs --tls-cert, --tls-key and --tls-client-ca');
      }
      handshake = new TlsHandshakes(await TlsIdentityFiles.open(tls, this.#options.log));
    }
    const acceptor = this.#acceptor('tcp', this.#all, handshake);
    this.#tcpPort = await listenOnTcp(() => acceptor.newListener(), address);
  }

  #acceptor(listener: GrpcListener, server: Server, handshakes?: TlsHandshakes): Acceptor {
    const { clock } = this.#options;
    const limits = (this.#options.limits ?? connectionLimits(descriptorLimit()))[listener];
    const options = { listener, server, limits, refused: this.#refused, clock, handshake: handshakes?.begin };
    const acceptor = new Acceptor(options);
    this.#acceptors.push(acceptor);
    return acceptor;
  }

  /** Undefined without TCP. */
  get tcpPort(): number | undefined {
    return this.#tcpPort;
  }

  get isServing(): boolean {
    return this.#isServing;
  }

  setServing(isServing: boolean): void {
    this.#isServing = isServing;
    this.#health.set('', isServing ? 'SERVING' : 'NOT_SERVING');
  }

  setStoring(canStore: boolean): void {
    this.#health.set(STORE_SERVICE, canStore ? 'SERVING' : 'NOT_SERVING');
  }

  /** Refuses new calls, ends waits and streams, and lets other calls finish within `DRAIN_MS`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.setServing(false);
    this.#shutdown.abort();
    const drained = [this.#csi, this.#all].map((server) => this.#drain(server));
    // A server that shuts down still serves new connections, and waits for silent ones. The acceptors end both.
    for (const acceptor of this.#acceptors) acceptor.stop();
    await Promise.all(drained);
    await Promise.all(this.#acceptors.splice(0).map((acceptor) => acceptor.close()));
    for (const socket of this.#sockets.splice(0)) socket[Symbol.dispose]();
  }

  async #drain(server: Server): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(DRAIN_MS, () => {
        this.#options.log.warn({ ms: DRAIN_MS }, 'calls did not end in time and were aborted');
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

/**
 * Services of gRPC's (health, reflection) ignore a shutdown: a watch of health would delay every stop by `DRAIN_MS`.
 */
function endLibraryStreams(shutdown: AbortSignal): ServerInterceptor {
  return ({ path, responseStream }, call) => {
    // All others stay as they are. The declared type asks for a wrapper, which would slow down every call.
    if (!responseStream || !path.startsWith('/grpc.')) return call as ServerInterceptingCall;
    const end = () =>
      stream.sendStatus({ code: status.UNAVAILABLE, details: 'the daemon is shutting down', metadata: null });
    const forget = () => shutdown.removeEventListener('abort', end);
    const stream = new ServerInterceptingCall(call, {
      start: (next) => {
        next({ onCancel: forget });
        shutdown.addEventListener('abort', end, { once: true });
        if (shutdown.aborted) end();
      },
      sendStatus: (answer, next) => {
        forget();
        next(answer);
      },
    });
    return stream;
  };
}

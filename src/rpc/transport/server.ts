import { setMaxListeners } from 'node:events';
import { Server, ServerInterceptingCall, type ServerInterceptor, type ServerOptions, status } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import type { Clock } from '../../base/clock.ts';
import { LanternError } from '../../base/errors.ts';
import { descriptorLimit } from '../../base/host-resources.ts';
import type { Log } from '../../base/log.ts';
import type { Config } from '../../config/config.ts';
import type { TcpConfig } from '../../config/rules.ts';
import { boundedDefinition } from '../bounded-messages.ts';
import { CallDesk, type CallObserver } from '../handler.ts';
import { MAX_MESSAGE_BYTES, MAX_REQUEST_BYTES } from '../limits.ts';
import { csi, lantern, reflectedProtos } from '../protos.ts';
import {
  type ControllerMethods,
  type EventsMethods,
  type IdentityMethods,
  implementationOf,
  type NodeMethods,
  type ObjectsMethods,
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
  type Listener,
  RefusedConnections,
} from './connection-limits.ts';
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
  };
  /** Hears of every call. */
  readonly calls?: CallObserver | undefined;
  /** Hears of every connection. */
  readonly connections?: ConnectionObserver | undefined;
  /** What each listener may have open; what this process's descriptors allow where left out. */
  readonly limits?: ConnectionLimits | undefined;
  readonly clock: Clock;
  readonly log: Log;
};

/** How long calls under way may take to end, in milliseconds. */
const DRAIN_MS = 5_000;

const SERVER_OPTIONS: ServerOptions = {
  'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  // Of one session. Every call under way costs memory, and nobody has that many watches.
  'grpc.max_concurrent_streams': 1_000,
  'grpc.keepalive_permit_without_calls': 1,
  // What it keeps of every session and call is never asked for here.
  'grpc.enable_channelz': 0,
};

/** The daemon's gRPC servers: one for CSI hosts, one for everything, and the latter on TCP where asked for. */
export class RpcServer implements AsyncDisposable {
  readonly #options: RpcServerOptions;
  readonly #shutdown = new AbortController();
  readonly #csi = new Server(SERVER_OPTIONS);
  readonly #all = new Server({ ...SERVER_OPTIONS, interceptors: [endLibraryStreams(this.#shutdown.signal)] });
  readonly #health = new HealthImplementation({ '': 'NOT_SERVING', [STORE_SERVICE]: 'SERVING' });
  readonly #refused: RefusedConnections;
  readonly #acceptors: Acceptor[] = [];
  readonly #sockets: UnixSocket[] = [];
  #isServing = false;
  #tcpPort: number | undefined;

  constructor(options: RpcServerOptions) {
    this.#options = options;
    this.#refused = new RefusedConnections(options.log, options.clock, options.connections);
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

  /** Begins to answer. `failed-precondition` when a socket or an address is taken. */
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

  #acceptor(listener: Exclude<Listener, 'pages'>, server: Server, handshakes?: TlsHandshakes): Acceptor {
    const { clock } = this.#options;
    const limits = (this.#options.limits ?? connectionLimits(descriptorLimit()))[listener];
    const options = { listener, server, limits, refused: this.#refused, clock, handshake: handshakes?.begin };
    const acceptor = new Acceptor(options);
    this.#acceptors.push(acceptor);
    return acceptor;
  }

  /** The port of TCP; undefined without it. */
  get tcpPort(): number | undefined {
    return this.#tcpPort;
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
    const drained = [this.#csi, this.#all].map((server) => this.#drain(server));
    // Listeners first, then what has said nothing: a server that shuts down would serve the ones, and wait for the others.
    for (const acceptor of this.#acceptors) acceptor.stop();
    await Promise.all(drained);
    await Promise.all(this.#acceptors.splice(0).map((acceptor) => acceptor.close()));
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

/**
 * Ends the streams of services that come from libraries (health, reflection) at shutdown. They know of none, and a host
 * that watches this daemon's health would make every stop wait until calls are cut off.
 */
function endLibraryStreams(shutdown: AbortSignal): ServerInterceptor {
  return ({ path, responseStream }, call) => {
    if (!responseStream || !path.startsWith('/grpc.')) return new ServerInterceptingCall(call);
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

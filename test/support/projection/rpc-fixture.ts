import { Client, credentials } from '@grpc/grpc-js';
import { LanternError } from '../../../src/base/errors.ts';
import { connect, type LanternClient } from '../../../src/rpc/client.ts';
import { csi, lantern } from '../../../src/rpc/protos.ts';
import type {
  ControllerMethods,
  EventsMethods,
  IdentityMethods,
  NodeMethods,
  ObjectsMethods,
  PageMethods,
  ProjectorMethods,
  TokensMethods,
} from '../../../src/rpc/services.ts';
import { RpcServer, type RpcServerOptions } from '../../../src/rpc/transport/server.ts';
import { PatientClock } from '../suite/clocks.ts';
import { LogLines } from '../suite/log-lines.ts';
import { TempDir } from '../suite/temp-dir.ts';

export type RpcFixtureOptions = Partial<Omit<RpcServerOptions, 'methods' | 'log'>> & {
  readonly identity?: Partial<IdentityMethods>;
  readonly controller?: Partial<ControllerMethods>;
  readonly node?: Partial<NodeMethods>;
  readonly projector?: Partial<ProjectorMethods>;
  readonly objects?: Partial<ObjectsMethods>;
  readonly events?: Partial<EventsMethods>;
  readonly tokens?: Partial<TokensMethods>;
  readonly page?: Partial<PageMethods>;
};

/** The daemon's gRPC servers over real sockets, with methods of the test's own; those left out are `unimplemented`. */
export class RpcFixture implements AsyncDisposable {
  readonly directory = new TempDir('/dev/shm');
  readonly log = new LogLines();
  readonly server: RpcServer;
  readonly client: LanternClient;
  readonly csiSocket: string;
  readonly lanternSocket: string;
  readonly #raw: Client;

  constructor(options: RpcFixtureOptions = {}) {
    this.csiSocket = options.csiSocket ?? this.directory.at('run', 'csi', 'csi.sock');
    this.lanternSocket = options.lanternSocket ?? this.directory.at('run', 'lantern.sock');
    const { identity, controller, node, projector, objects, events, tokens, page, ...rest } = options;
    this.server = new RpcServer({
      socketGroup: undefined,
      tcp: undefined,
      clock: new PatientClock(),
      ...rest,
      csiSocket: this.csiSocket,
      lanternSocket: this.lanternSocket,
      log: this.log.log,
      methods: {
        identity: { ...refusals(csi.Identity.service), ...identity } as IdentityMethods,
        controller: { ...refusals(csi.Controller.service), ...controller } as ControllerMethods,
        node: { ...refusals(csi.Node.service), ...node } as NodeMethods,
        projector: { ...refusals(lantern.Projector.service), ...projector } as ProjectorMethods,
        objects: { ...refusals(lantern.Objects.service), ...objects } as ObjectsMethods,
        events: { ...refusals(lantern.Events.service), ...events } as EventsMethods,
        tokens: { ...refusals(lantern.Tokens.service), ...tokens } as TokensMethods,
        page: { ...refusals(lantern.Page.service), ...page } as PageMethods,
      },
    });
    this.client = connect(this.lanternSocket);
    this.#raw = rawClient(this.lanternSocket);
  }

  static async start(options: RpcFixtureOptions = {}): Promise<RpcFixture> {
    const fixture = new RpcFixture(options);
    try {
      await fixture.server.start();
    } catch (error) {
      await fixture[Symbol.asyncDispose]();
      throw error;
    }
    fixture.server.setServing(true);
    return fixture;
  }

  /** gRPC without our client's ways. */
  get raw(): Client {
    return this.#raw;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    this.#raw.close();
    await this.server[Symbol.asyncDispose]();
    this.directory[Symbol.dispose]();
  }
}

export function rawClient(socketPath: string): Client {
  return new Client(`unix:${socketPath}`, credentials.createInsecure(), { 'grpc.default_authority': 'localhost' });
}

function refusals(definition: object): object {
  const refuse = () => {
    throw new LanternError('unimplemented', 'not in this test');
  };
  const names = Object.keys(definition).map((name) => name.charAt(0).toLowerCase() + name.slice(1));
  return Object.fromEntries(names.map((name) => [name, refuse]));
}

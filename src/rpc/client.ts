import { Client, credentials, type ServiceDefinition } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { type AsyncClient, asyncClient } from './async-client.ts';
import type { ControllerClient } from './generated/csi/v1/Controller.ts';
import type { IdentityClient } from './generated/csi/v1/Identity.ts';
import type { NodeClient } from './generated/csi/v1/Node.ts';
import type { EventsClient } from './generated/lantern/v1/Events.ts';
import type { ObjectsClient } from './generated/lantern/v1/Objects.ts';
import type { ProjectorClient } from './generated/lantern/v1/Projector.ts';
import type { TokensClient } from './generated/lantern/v1/Tokens.ts';
import { MAX_MESSAGE_BYTES } from './limits.ts';
import { csi, lantern } from './protos.ts';

export type HealthClient = {
  check(request: { service: string }): Promise<{ status: string }>;
};

/** A connection to one daemon. Calls throw LanternError with the status's code and message. */
export type LanternClient = Disposable & {
  readonly projector: AsyncClient<ProjectorClient>;
  readonly objects: AsyncClient<ObjectsClient>;
  readonly events: AsyncClient<EventsClient>;
  readonly tokens: AsyncClient<TokensClient>;
  readonly identity: AsyncClient<IdentityClient>;
  readonly controller: AsyncClient<ControllerClient>;
  readonly node: AsyncClient<NodeClient>;
  readonly health: HealthClient;
  /** Ends the connection; calls under way fail. */
  close(): void;
};

/** Connects lazily to the daemon's unix socket at `socketPath`. */
export function connect(socketPath: string): LanternClient {
  const channel = new Client(`unix:${socketPath}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    // A raw socket path as :authority is refused below JavaScript.
    'grpc.default_authority': 'localhost',
  });
  const close = () => channel.close();
  return {
    projector: asyncClient(channel, lantern.Projector.service),
    objects: asyncClient(channel, lantern.Objects.service),
    events: asyncClient(channel, lantern.Events.service),
    tokens: asyncClient(channel, lantern.Tokens.service),
    identity: asyncClient(channel, csi.Identity.service),
    controller: asyncClient(channel, csi.Controller.service),
    node: asyncClient(channel, csi.Node.service),
    health: asyncClient(channel, healthService as ServiceDefinition) as unknown as HealthClient,
    close,
    [Symbol.dispose]: close,
  };
}

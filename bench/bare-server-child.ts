import { join } from 'node:path';
import { promisify } from 'node:util';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { csi } from '../src/rpc/protos.ts';
import { barePublish, bareUnpublish } from './bare-calls.ts';
import type { BareTask } from './bare-server.ts';
import { answerTasks } from './child.ts';
import { secretValue } from './secret.ts';

type Call = ServerUnaryCall<{ volumeId: string; targetPath: string }, object>;

/** Answers at once; `work` comes first. */
const answering =
  (response: object, work?: (volumeId: string, targetPath: string) => void) =>
  ({ request }: Call, respond: sendUnaryData<object>): void => {
    work?.(request.volumeId, request.targetPath);
    respond(null, response);
  };

answerTasks(async ({ socket, directory }: BareTask) => {
  const server = new Server();
  const home = (volumeId: string) => join(directory ?? '', volumeId);
  const publish = (volumeId: string, target: string) => barePublish(home(volumeId), target, secretValue);
  const unpublish = (volumeId: string, target: string) => bareUnpublish(home(volumeId), target);
  server.addService(csi.Identity.service, { Probe: answering({ ready: { value: true } }) });
  server.addService(csi.Node.service, {
    NodePublishVolume: answering({}, directory === undefined ? undefined : publish),
    NodeUnpublishVolume: answering({}, directory === undefined ? undefined : unpublish),
  });
  await promisify(server.bindAsync.bind(server))(`unix:${socket}`, ServerCredentials.createInsecure());
});

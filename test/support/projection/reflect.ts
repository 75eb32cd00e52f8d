import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Client, Metadata, type MethodDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** What gRPC's reflection answers. `version` is `v1` or `v1alpha`. */
export async function reflect(client: Client, version: string, requests: object[]): Promise<unknown[]> {
  const root = dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json'));
  const definitions = loadSync(join(root, 'build/proto/grpc/reflection', version, 'reflection.proto'));
  const service = definitions[`grpc.reflection.${version}.ServerReflection`];
  if (service === undefined || !('ServerReflectionInfo' in service)) throw new Error('no reflection service');
  const { path, requestSerialize, responseDeserialize } = service.ServerReflectionInfo as MethodDefinition<
    object,
    object
  >;
  const call = client.makeBidiStreamRequest(
    path,
    requestSerialize as (request: object) => Buffer,
    responseDeserialize,
    new Metadata(),
  );
  for (const request of requests) call.write(request);
  call.end();
  const answers: unknown[] = [];
  for await (const answer of call) answers.push(answer);
  return answers;
}

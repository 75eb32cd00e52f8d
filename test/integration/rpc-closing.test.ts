import { once } from 'node:events';
import { readdirSync, statSync, unlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { Metadata, type ServiceDefinition, status } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { describe, expect, it } from 'vitest';
import { RpcFixture } from '../support/projection/rpc-fixture.ts';

const health = healthService as ServiceDefinition;

describe('a closing server', () => {
  it('tells who watches its health, and does not wait until they leave', async () => {
    const { Watch: method } = health;
    if (method === undefined) throw new Error('the health service has no Watch');
    const { path, requestSerialize, responseDeserialize } = method;
    // The clock of the fixture never reaches the bound of the drain: only a stream that ends lets the server close.
    await using fixture = await RpcFixture.start();
    const request = { service: '' };
    const watch = fixture.raw.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new Metadata(),
    );
    const statuses: unknown[] = [];
    watch.on('data', (answer) => statuses.push(answer.status));
    const failed = once(watch, 'error');
    await once(watch, 'data');
    await fixture.server[Symbol.asyncDispose]();
    const [error] = await failed;
    expect(error.code).toBe(status.UNAVAILABLE);
    expect(statuses).toEqual(['SERVING', 'NOT_SERVING']);
  });

  it('leaves a socket alone that belongs to somebody else by now', async () => {
    await using fixture = await RpcFixture.start();
    unlinkSync(fixture.csiSocket);
    const successor = createServer().listen(fixture.csiSocket);
    await once(successor, 'listening');
    const { ino } = statSync(fixture.csiSocket);
    await fixture.server[Symbol.asyncDispose]();
    expect(statSync(fixture.csiSocket).ino).toBe(ino);
    expect(readdirSync(dirname(fixture.csiSocket))).toEqual(['csi.sock']);
    successor.close();
    await once(successor, 'close');
  });
});

import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';
import { RpcFixture } from '../support/projection/rpc-fixture.ts';
import { rejectionOf } from '../support/suite/expectations.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const umaskBefore = process.umask();
afterEach(() => {
  process.umask(umaskBefore);
});

function modeOf(path: string): string {
  return (statSync(path).mode & 0o7777).toString(8);
}

/** A socket file that nobody listens on any more, as a killed daemon leaves it. */
async function staleSocket(path: string): Promise<void> {
  const server = await listen(path);
  // Closing removes the path that was bound, so it is moved away meanwhile.
  renameSync(path, `${path}.kept`);
  server.close();
  await once(server, 'close');
  renameSync(`${path}.kept`, path);
}

async function listen(path: string): Promise<Server> {
  mkdirSync(dirname(path), { recursive: true });
  const server = createServer((socket) => socket.destroy()).listen(path);
  await once(server, 'listening');
  return server;
}

describe('sockets', () => {
  it.each([0o022, 0o000, 0o077])('are for their owner only, whatever the umask (%o)', async (mask) => {
    process.umask(mask);
    await using fixture = await RpcFixture.start();
    expect(process.umask()).toBe(mask);
    for (const socket of [fixture.lanternSocket, fixture.csiSocket]) {
      expect([modeOf(socket), modeOf(dirname(socket))]).toEqual(['600', '700']);
    }
  });

  it('are for a group as well where one is named', async () => {
    process.umask(0o077);
    const socketGroup = process.getuid?.() === 0 ? 54_321 : (process.getgid?.() ?? 0);
    await using fixture = await RpcFixture.start({ socketGroup });
    for (const path of [fixture.lanternSocket, fixture.csiSocket]) {
      expect([modeOf(path), statSync(path).gid]).toEqual(['660', socketGroup]);
      expect([modeOf(dirname(path)), statSync(dirname(path)).gid]).toEqual(['750', socketGroup]);
    }
  });

  it("leave a directory of somebody else's choice as it is, even with a group", async () => {
    using directory = new TempDir('/dev/shm');
    const shared = directory.at('shared');
    mkdirSync(shared);
    chmodSync(shared, 0o1777);
    const before = statSync(shared);
    const socketGroup = process.getuid?.() === 0 ? 54_321 : (process.getgid?.() ?? 0);
    await using fixture = await RpcFixture.start({ csiSocket: directory.at('shared', 'csi.sock'), socketGroup });
    expect([modeOf(shared), statSync(shared).gid]).toEqual(['1777', before.gid]);
    expect([modeOf(fixture.csiSocket), statSync(fixture.csiSocket).gid]).toEqual(['660', socketGroup]);
  });

  it('stand alone in the directory that a CSI host looks at, and are gone afterwards', async () => {
    const fixture = await RpcFixture.start();
    expect(readdirSync(dirname(fixture.csiSocket))).toEqual(['csi.sock']);
    await fixture.server[Symbol.asyncDispose]();
    expect(readdirSync(fixture.directory.at('run'), { recursive: true })).toEqual(['csi']);
    await fixture[Symbol.asyncDispose]();
  });

  it('replace what a dead daemon left', async () => {
    using directory = new TempDir('/dev/shm');
    const lanternSocket = directory.at('lantern.sock');
    await staleSocket(lanternSocket);
    await using fixture = await RpcFixture.start({ lanternSocket });
    expect((await fixture.client.health.check({ service: '' })).status).toBe('SERVING');
  });

  it('do not replace what somebody listens on', async () => {
    using directory = new TempDir('/dev/shm');
    const csiSocket = directory.at('csi', 'csi.sock');
    const other = await listen(csiSocket);
    const error = await rejectionOf(RpcFixture.start({ csiSocket }));
    expect(error).toMatchObject({ code: 'failed-precondition', message: expect.stringContaining(csiSocket) });
    expect(statSync(csiSocket).isSocket()).toBe(true);
    other.close();
  });

  it.each([
    ['a file', (path: string) => writeFileSync(path, 'mine')],
    ['a directory', (path: string) => mkdirSync(path)],
    ['a link that leads nowhere', (path: string) => symlinkSync('/nowhere', path)],
  ])('do not replace %s', async (_, make) => {
    using directory = new TempDir('/dev/shm');
    const lanternSocket = directory.at('lantern.sock');
    make(lanternSocket);
    const error = await rejectionOf(RpcFixture.start({ lanternSocket }));
    expect(error).toMatchObject({ code: 'failed-precondition', message: expect.stringContaining('not a socket') });
    expect(readdirSync(directory.path)).toEqual(['lantern.sock']);
  });

  it('have paths of 107 bytes at most', async () => {
    using directory = new TempDir('/dev/shm');
    const room = 107 - Buffer.byteLength(directory.at('x')) + 1;
    {
      await using fixture = await RpcFixture.start({ lanternSocket: directory.at('s'.repeat(room)) });
      expect((await fixture.client.health.check({ service: '' })).status).toBe('SERVING');
    }
    const error = await rejectionOf(RpcFixture.start({ lanternSocket: directory.at('s'.repeat(room + 1)) }));
    expect(error).toMatchObject({ code: 'invalid-argument', message: expect.stringContaining('107 bytes') });
    expect(readdirSync(directory.path)).toEqual([]);
  });
});

describe('a run directory', () => {
  it('has one daemon: a second one is told whose it is, and the first does not notice', async () => {
    await using first = await DaemonHarness.start();
    const error = await rejectionOf(DaemonHarness.start({ runDir: first.runDirectory }));
    expect(error).toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining(`the process ${process.pid} holds it`),
    });
    expect((await first.client.health.check({ service: '' })).status).toBe('SERVING');
  });
});

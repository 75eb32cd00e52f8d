// An orchestrator in one file: it stores a Secret, mounts it as a volume, follows the volume while the Secret changes, and
// unmounts it.
//
//   npm install
//   npx tsc
//   node orchestrator.js /run/lantern/lantern.sock /run/example
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, LanternError } from 'lantern/client';

const volumeId = 'example-typescript';

async function run(socket: string, directory: string): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  using client = connect(socket);
  const apply = (password: string) =>
    client.objects.apply(
      { object: { metadata: { name: 'db' }, secret: { data: { password: Buffer.from(password) } } } },
      { signal },
    );
  await apply('first');
  const targetPath = join(directory, 'secrets');
  const show = () => console.log('password:', readFileSync(join(targetPath, 'password'), 'utf8'));
  const definition = { source: { secret: { secretName: 'db', defaultMode: 0o400 } } };
  // Mount can be repeated: the second call with this id and target finds the volume up to date, or refreshes it.
  await client.projector.mount({ volumeId, targetPath, definition }, { signal });
  try {
    show();
    for await (const event of client.projector.watchVolumes({ volumeId, includeExisting: true }, { signal })) {
      console.log('event:', event.type);
      if (event.type === 'FAILED') throw new Error(`${event.reason}: ${event.message}`);
      // The watch is established, so this change is not missed.
      if (event.type === 'MOUNTED') await apply('second');
      if (event.type === 'UPDATED') {
        show();
        return;
      }
    }
    // An aborted iteration ends without an error.
    signal.throwIfAborted();
  } finally {
    // An empty target stands for all of the volume's. Unmount can be repeated too.
    await client.projector.unmount({ volumeId });
  }
}

const [socket, directory] = process.argv.slice(2);
if (socket === undefined || directory === undefined) {
  console.error('usage: orchestrator SOCKET DIRECTORY');
  process.exitCode = 2;
} else {
  await run(socket, directory).catch((error: unknown) => {
    console.error(error instanceof LanternError ? `${error.code}: ${error.message}` : error);
    process.exitCode = 1;
  });
}

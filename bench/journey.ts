// `npm run journey`: the files and functions of src that run for one request, counted by V8's coverage of the unbundled
// build. They are what somebody has to read to follow that request. A figure above its limit fails; one below it is a
// reason to lower the limit. `--files` lists the files, with the functions of each.
import { mkdirSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { dirSync } from 'tmp';
import { silentLog } from '../src/base/log.ts';
import { orThrow } from '../src/base/parsed.ts';
import { parseConfig } from '../src/config/config.ts';
import { Daemon } from '../src/daemon.ts';
import { connect } from '../src/rpc/client.ts';

/**
 * With the bind publisher, as root. Functions have a margin of five, because timers may run. A change that needs more
 * is simplified first; its commit says why what remains is worth it.
 */
const LIMITS: Readonly<Record<string, { readonly files: number; readonly functions: number }>> = {
  'NodePublishVolume, the first of a volume': { files: 52, functions: 267 },
  'NodePublishVolume, repeated before the files were looked at': { files: 38, functions: 208 },
  'NodePublishVolume, repeated': { files: 24, functions: 66 },
  'a Secret that changed, from the call to the swap': { files: 46, functions: 216 },
  NodeUnpublishVolume: { files: 34, functions: 142 },
  MountPod: { files: 82, functions: 470 },
  UnmountPod: { files: 41, functions: 183 },
};

const SETTLED_MS = 50;

/** They run in the caller, which is in the same process here, wait for the end of a step, or are generated. */
const IGNORED_FILES = /^(?:rpc\/(?:client\.js$|generated\/)|daemon\.js$)/;

/** Below `directory`: the run directory and all targets. */
async function travel(directory: string): Promise<void> {
  const at = (name: string) => join(directory, name);
  mkdirSync(at('run'), { mode: 0o700 });
  const config = orThrow(
    parseConfig(
      { runDir: at('run'), dataDir: at('data'), store: 'memory' },
      { environment: {}, user: { uid: userInfo().uid }, hostname: hostname() },
    ),
  );
  const starting = new AbortController();
  await using daemon = await Daemon.start(config, { version: '0.0.0', log: silentLog, signal: starting.signal });
  console.log(daemon.readyLine);
  using client = connect(config.lanternSocket);
  const counter = await Counter.start();
  const step = async (name: string, action: () => Promise<unknown>) => {
    await action();
    await daemon.settled();
    judge(name, await counter.take());
  };

  const secret = (password: string) => ({
    object: {
      metadata: { name: 'db', namespace: 'default' },
      secret: { type: 'Opaque', data: { password: Buffer.from(password) } },
    },
  });
  await client.objects.apply(secret('one'));
  await counter.take();

  const volume = { volumeId: 'volume', targetPath: at('target') };
  const publish = () =>
    client.node.nodePublishVolume({
      ...volume,
      readonly: true,
      volumeCapability: { mount: {}, accessMode: { mode: 'SINGLE_NODE_MULTI_WRITER' } },
      volumeContext: { secretName: 'db' },
    });
  await step('NodePublishVolume, the first of a volume', publish);
  await step('NodePublishVolume, repeated before the files were looked at', publish);
  // A look counts only some milliseconds after the last change.
  await setTimeout(SETTLED_MS);
  await publish();
  await counter.take();
  await step('NodePublishVolume, repeated', publish);
  await step('a Secret that changed, from the call to the swap', () => client.objects.apply(secret('two')));
  await step('NodeUnpublishVolume', () => client.node.nodeUnpublishVolume(volume));
  const pod = { name: 'pod', namespace: 'default', rootPath: at('pod') };
  await step('MountPod', () =>
    client.projector.mountPod({ manifest: JSON.stringify(POD), rootPath: pod.rootPath, containers: ['app'] }),
  );
  await step('UnmountPod', () => client.projector.unmountPod(pod));
}

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'pod' },
  spec: {
    containers: [
      {
        name: 'app',
        image: 'busybox',
        env: [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } }],
        volumeMounts: [{ name: 'secrets', mountPath: '/etc/secrets' }],
      },
    ],
    volumes: [{ name: 'secrets', secret: { secretName: 'db' } }],
  },
};

function judge(name: string, counts: ReadonlyMap<string, number>): void {
  const functions = [...counts.values()].reduce((sum, count) => sum + count, 0);
  console.log(`${name}: ${counts.size} files, ${functions} functions`);
  if (process.argv.includes('--files'))
    for (const [path, count] of [...counts].sort()) console.log(`  ${path} ${count}`);
  const limit = LIMITS[name];
  if (limit === undefined || userInfo().uid !== 0) return;
  if (counts.size <= limit.files && functions <= limit.functions) return;
  console.error(`  more than its limit of ${limit.files} files and ${limit.functions} functions`);
  process.exitCode = 1;
}

/** Counts the functions that run in this process, by file below src. */
class Counter {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  static async start(): Promise<Counter> {
    const session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    return new Counter(session);
  }

  /** Since the last time. */
  async take(): Promise<ReadonlyMap<string, number>> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    const ran = new Map<string, number>();
    for (const { url, functions } of result) {
      const path = /\/\.cache\/tools\/src\/(.*)$/.exec(url)?.[1];
      const count = functions.filter(({ ranges: [range] }) => range !== undefined && range.count > 0).length;
      if (path !== undefined && count > 0 && !IGNORED_FILES.test(path)) ran.set(path, count);
    }
    return ran;
  }
}

const temporary = dirSync({ tmpdir: '/dev/shm', template: 'lantern-journey-XXXXXX', unsafeCleanup: true });
try {
  await travel(temporary.name);
} finally {
  temporary.removeCallback();
}

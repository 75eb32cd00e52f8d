import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { retry } from '../../base/retry.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { PodContainer__Output as PodContainer } from '../../rpc/generated/lantern/v1/PodContainer.ts';
import type { Cli } from '../define-command.ts';
import { noticeLine, printable } from '../output/text.ts';
import { mountPod } from '../pods/mount-pod.ts';
import type { PodInFile } from '../pods/pods-in-files.ts';
import { allPages, PAUSE } from '../with-daemon.ts';
import { type HeldDirectory, type MemoryDirectory, memoryParents } from './memory-directory.ts';
import type { PrivateNamespace } from './private-namespace.ts';
import { type CommandEnding, SignalRelay, type StartedCommand, startCommand } from './run-command.ts';

type Execution = {
  readonly pod: PodInFile;
  /** One of the pod's. */
  readonly container: string;
  /** The command and its arguments. */
  readonly words: readonly string[];
  /** How long to wait for missing objects. */
  readonly waitMs: number;
  /** Without the caller's variables. */
  readonly cleanEnv: boolean;
};

/** What stands in the names of the directories. */
const PURPOSE = 'exec';

/**
 * Mounts the pod for the one container in a memory directory of this call's own, runs the command, and takes all of it
 * away again, whatever happened; what an earlier call left, as it was killed, as well. Signals meanwhile are the command's.
 */
export async function execInPod(cli: Cli, daemon: LanternClient, execution: Execution): Promise<CommandEnding> {
  // Loaded only here: it takes system calls.
  const { abandonedDirectories, holdDirectory } = await import('./memory-directory.ts');
  using relay = new SignalRelay();
  const parents = memoryParents(cli.environment);
  // The command inherits what holds it: volumes of a command that outlives its `exec` are not to be taken away.
  using held = holdDirectory(parents, PURPOSE);
  const { directory } = held;
  let isReached = true;
  try {
    for (const left of abandonedDirectories(parents, PURPOSE, cli.user.uid)) await takeAway(cli, daemon, left);
    const container = await mountContainer(cli, daemon, execution, directory, relay);
    const command = await startIn(container, cli, execution, held, relay);
    return await command.ended;
  } catch (error) {
    isReached = !isUnavailable(error);
    throw error;
  } finally {
    const isUntouched = !isReached && !existsSync(rootIn(directory));
    // The daemon does this after whatever an interrupted MountPod still does.
    if (isUntouched || (await unmount(cli, daemon, execution.pod, rootIn(directory)))) directory[Symbol.dispose]();
  }
}

/** Only the daemon that made the mounts knows of them; with another one they stay for its own next `exec`. */
async function takeAway(cli: Cli, daemon: LanternClient, left: MemoryDirectory): Promise<void> {
  const root = rootIn(left);
  if (existsSync(root)) {
    const pods = await allPages(
      (pageToken) => daemon.projector.listPods({ namespace: '', pageToken }, { signal: cli.signal }),
      (page) => page.pods,
    );
    for (const pod of pods) if (pod.rootPath === root) await unmount(cli, daemon, pod, root);
    if (existsSync(root)) return;
  }
  left[Symbol.dispose]();
  cli.terminal.complain(`lantern: took away what an exec that was killed left at ${printable(left.path)}`);
}

function isUnavailable(error: unknown): boolean {
  return error instanceof LanternError && error.code === 'unavailable';
}

function rootIn(directory: MemoryDirectory): string {
  return directory.at('root');
}

async function mountContainer(
  cli: Cli,
  daemon: LanternClient,
  { pod, container: name, waitMs }: Execution,
  directory: MemoryDirectory,
  relay: SignalRelay,
): Promise<PodContainer> {
  const { manifest, namespace } = pod;
  // The command runs as the caller; root reads what is another user's, and may become that user.
  const runAs = cli.user.uid === 0 ? {} : { runAsUser: cli.user.uid };
  const request = { manifest, namespace, rootPath: rootIn(directory), containers: [name], ...runAs };
  const signal = AbortSignal.any([cli.signal, relay.signal]);
  const { containers, notices } = await mountPod(cli, daemon, request, waitMs, signal);
  signal.throwIfAborted();
  for (const notice of notices) cli.terminal.complain(noticeLine(notice));
  const container = containers.find((one) => one.name === name);
  if (container === undefined) throw new LanternError('internal', `exec: the daemon left out container "${name}"`);
  checkVisible(container);
  return container;
}

/** A daemon in another mount namespace would leave the command with empty directories, and without an error. */
function checkVisible({ name, mounts }: PodContainer): void {
  const hidden = mounts.find(({ targetPath, subPath }) => subPath === '' && isEmpty(targetPath));
  if (hidden === undefined) return;
  throw new LanternError(
    'failed-precondition',
    `exec in container "${name}": what the daemon mounts at "${printable(hidden.targetPath)}" cannot be seen here, ` +
      'as the two have different mount namespaces; run it beside the daemon, or that with --publisher direct',
  );
}

/** A whole volume never is: it has a current generation. Where we may not look, the command may not either. */
function isEmpty(target: string): boolean {
  try {
    return readdirSync(target).length === 0;
  } catch {
    return false;
  }
}

async function startIn(
  container: PodContainer,
  cli: Cli,
  { words, cleanEnv }: Execution,
  { directory, fd }: HeldDirectory,
  relay: SignalRelay,
): Promise<StartedCommand> {
  const environment = { ...(cleanEnv ? {} : cli.environment), ...variablesOf(container) };
  const root = join(rootIn(directory), container.name);
  const enter = container.mounts.length > 0 ? await entrance(container, directory) : undefined;
  relay.signal.throwIfAborted();
  // Nothing asynchronous from here on: see PrivateNamespace. A signal from here on meets the command.
  using namespace = enter === undefined ? undefined : tryTo(enter, root, cli);
  const isElsewhere = enter !== undefined && namespace === undefined;
  const command = startCommand(words, { ...environment, LANTERN_ROOT: isElsewhere ? root : '' }, fd);
  relay.relayTo(command.child);
  return command;
}

/** What brings this thread to where the volumes are at their mountPath. Loaded only here: it takes system calls. */
async function entrance({ mounts }: PodContainer, directory: MemoryDirectory): Promise<() => PrivateNamespace> {
  const { PrivateNamespace } = await import('./private-namespace.ts');
  const stage = directory.at('stage');
  mkdirSync(stage);
  const wanted = mounts.map(({ targetPath, mountPath }) => ({ source: targetPath, mountPath }));
  return () => PrivateNamespace.enter(wanted, stage);
}

/** Undefined where this process may not, which is said on stderr: the volumes stay where they are. */
function tryTo(enter: () => PrivateNamespace, root: string, cli: Cli): PrivateNamespace | undefined {
  try {
    return enter();
  } catch (error) {
    if (!(error instanceof LanternError) || error.code !== 'permission-denied') throw error;
    const message = `the volumes are below LANTERN_ROOT (${root}) and not at their mountPath`;
    cli.terminal.complain(printable(`lantern: ${message}: ${error.message}`));
    return undefined;
  }
}

/** A null prototype, as `__proto__` is a name that a variable can have. */
function variablesOf({ environment }: PodContainer): Readonly<Record<string, string>> {
  const variables: Record<string, string> = Object.create(null);
  for (const { name, value } of environment) variables[name] = textOf(name, value);
  return variables;
}

/** Node gives the variables of a process as text only. */
function textOf(name: string, value: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    const message = `exec: the variable "${printable(name)}" has a value that is not UTF-8; take "lantern env -o shell"`;
    throw new LanternError('failed-precondition', message);
  }
}

/** A daemon that is being restarted is waited for, so that nothing is left; in milliseconds. */
const UNMOUNT_PATIENCE_MS = 15_000;
const BACKOFF = { firstMs: 200, maxMs: 2_000, jitter: 0.2 };

/** Whether everything is gone; what stands against it is said on stderr, and does not hide how the command ended. */
async function unmount(
  cli: Cli,
  daemon: LanternClient,
  { namespace, name }: Pick<PodInFile, 'namespace' | 'name'>,
  root: string,
): Promise<boolean> {
  try {
    // Interrupted or not.
    const signal = AbortSignal.timeout(UNMOUNT_PATIENCE_MS);
    await retry(() => daemon.projector.unmountPod({ namespace, name, rootPath: root }, { signal }), {
      clock: PAUSE,
      signal,
      backoff: BACKOFF,
      isTransient: isUnavailable,
    });
    return true;
  } catch (error) {
    const { message } = toLanternError(error, 'unmount the pod');
    const advice = `take it away with "lantern pod unmount ${name} ${root} -n ${namespace}"`;
    cli.terminal.complain(printable(`lantern: what was mounted at ${root} is still there: ${message}; ${advice}`));
    return false;
  }
}

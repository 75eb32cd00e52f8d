import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { retry } from '../../base/retry.ts';
import type { LanternClient } from '../../rpc/client.ts';
import type { PodContainer__Output as PodContainer } from '../../rpc/generated/lantern/v1/PodContainer.ts';
import type { Cli } from '../command.ts';
import { noticeLine, printable } from '../output/text.ts';
import { listPods, mountPod } from '../pods/pod-calls.ts';
import type { PodInFile } from '../pods/pods-in-files.ts';
import { PAUSE } from '../with-daemon.ts';
import {
  abandonedDirectories,
  type HeldDirectory,
  holdDirectory,
  type MemoryDirectory,
  memoryParents,
} from './memory-directory.ts';
import { PrivateNamespace } from './private-namespace.ts';
import { type CommandEnding, SignalRelay, type StartedCommand, startCommand } from './run-command.ts';

type Execution = {
  readonly pod: PodInFile;
  readonly container: string;
  readonly words: readonly string[];
  /** Milliseconds to wait for missing objects. */
  readonly waitMs: number;
  /** If true, the command does not get the caller's variables. */
  readonly cleanEnv: boolean;
};

/** Part of the directory's name. */
const PURPOSE = 'exec';

/**
 * Mounts the container's volumes in a new directory in memory, runs the command, and always removes both again. Also
 * removes what an earlier call left when it was killed. Signals go to the command.
 */
export async function execInPod(cli: Cli, daemon: LanternClient, execution: Execution): Promise<CommandEnding> {
  using relay = new SignalRelay();
  const parents = memoryParents(cli.environment);
  // The command inherits the lock. The volumes of a command that outlives its `exec` must stay.
  using held = holdDirectory(parents, PURPOSE);
  const { directory } = held;
  let isReached = true;
  try {
    for (const left of abandonedDirectories(parents, PURPOSE, cli.user.uid)) await removeAbandoned(cli, daemon, left);
    const container = await mountContainer(cli, daemon, execution, directory, relay);
    const command = await startIn(container, cli, execution, held, relay);
    return await command.ended;
  } catch (error) {
    isReached = !isUnavailable(error);
    throw error;
  } finally {
    const isUntouched = !isReached && !existsSync(rootIn(directory));
    // The daemon serves this after an interrupted MountPod has ended.
    if (isUntouched || (await unmount(cli, daemon, execution.pod, rootIn(directory)))) directory[Symbol.dispose]();
  }
}

/** Only the daemon that made the mounts can remove them. With another daemon they stay for a later `exec`. */
async function removeAbandoned(cli: Cli, daemon: LanternClient, left: MemoryDirectory): Promise<void> {
  const root = rootIn(left);
  if (existsSync(root)) {
    for (const pod of await listPods(daemon, '', cli.signal)) {
      if (pod.rootPath === root) await unmount(cli, daemon, pod, root);
    }
    if (existsSync(root)) return;
  }
  left[Symbol.dispose]();
  cli.terminal.complain(`lantern: removed what a killed exec left at ${printable(left.path)}`);
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
  // The command runs as the caller. Root can read the files of any user.
  const runAs = cli.user.uid === 0 ? {} : { runAsUser: cli.user.uid };
  const request = { manifest, namespace, rootPath: rootIn(directory), containers: [name], ...runAs };
  const signal = AbortSignal.any([cli.signal, relay.signal]);
  const { containers, notices } = await mountPod(cli, daemon, request, waitMs, signal);
  signal.throwIfAborted();
  for (const notice of notices) cli.terminal.complain(noticeLine(notice));
  const container = containers.find((one) => one.name === name);
  if (container === undefined)
    throw new LanternError('internal', `exec: the daemon did not answer with container "${name}"`);
  checkVisible(container);
  return container;
}

/** If the daemon has another mount namespace, the command would find empty directories, without any error. */
function checkVisible({ name, mounts }: PodContainer): void {
  const hidden = mounts.find(({ targetPath, subPath }) => subPath === '' && isEmpty(targetPath));
  if (hidden === undefined) return;
  throw new LanternError(
    'failed-precondition',
    `exec in container "${name}": the daemon's mount at "${printable(hidden.targetPath)}" cannot be seen here, ` +
      'as the two have different mount namespaces; run exec beside the daemon, or the daemon with --publisher direct',
  );
}

/** A whole volume always has a generation. A directory that cannot be read here is closed to the command too. */
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
  const enter = container.mounts.length > 0 ? entrance(container, directory) : undefined;
  // A signal that has arrived meanwhile still prevents the start.
  await turnOfEventLoop();
  relay.signal.throwIfAborted();
  // Nothing may be asynchronous from here on (see PrivateNamespace). Signals now go to the command.
  using namespace = enter === undefined ? undefined : tryTo(enter, root, cli);
  const isElsewhere = enter !== undefined && namespace === undefined;
  const command = startCommand(words, { ...environment, LANTERN_ROOT: isElsewhere ? root : '' }, fd);
  relay.relayTo(command.child);
  return command;
}

/** The function returned moves this thread to a namespace with the volumes at their mountPath. */
function entrance({ mounts }: PodContainer, directory: MemoryDirectory): () => PrivateNamespace {
  const stage = directory.at('stage');
  mkdirSync(stage);
  const wanted = mounts.map(({ targetPath, mountPath }) => ({ source: targetPath, mountPath }));
  return () => PrivateNamespace.enter(wanted, stage);
}

/** Undefined if this process lacks the permission. A notice on stderr then names the place of the volumes. */
function tryTo(enter: () => PrivateNamespace, root: string, cli: Cli): PrivateNamespace | undefined {
  try {
    return enter();
  } catch (error) {
    if (!(error instanceof LanternError) || error.code !== 'permission-denied') throw error;
    const message = `the volumes are below LANTERN_ROOT (${root}), not at their mountPath`;
    cli.terminal.complain(printable(`lantern: ${message}: ${error.message}`));
    return undefined;
  }
}

/** The null prototype allows a variable called `__proto__`. */
function variablesOf({ environment }: PodContainer): Readonly<Record<string, string>> {
  const variables: Record<string, string> = Object.create(null);
  for (const { name, value } of environment) variables[name] = textOf(name, value);
  return variables;
}

/** Node passes variables as text only. */
function textOf(name: string, value: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    const message = `exec: the value of the variable "${printable(name)}" is not UTF-8; use "lantern env -o shell"`;
    throw new LanternError('failed-precondition', message);
  }
}

/** Milliseconds to wait for a daemon that restarts. */
const UNMOUNT_PATIENCE_MS = 15_000;
const BACKOFF = { firstMs: 200, maxMs: 2_000, jitter: 0.2 };

/** False if something is left. The error goes to stderr, so that the command's own exit code is kept. */
async function unmount(
  cli: Cli,
  daemon: LanternClient,
  { namespace, name }: Pick<PodInFile, 'namespace' | 'name'>,
  root: string,
): Promise<boolean> {
  try {
    // Not the caller's signal: an interrupted call must be undone, too.
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
    const advice = `remove it with "lantern pod unmount ${name} ${root} -n ${namespace}"`;
    cli.terminal.complain(printable(`lantern: the volumes at ${root} are still mounted: ${message}; ${advice}`));
    return false;
  }
}

import { type Command, Option } from 'commander';
import { MAX_TIMER_MS } from '../../base/clock.ts';
import { LanternError } from '../../base/errors.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { type Cli, withExamples } from '../command.ts';
import { forEach, listFaults, PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { type KindName, listKinds, oneByOne, parseSelections, selectorOf } from '../kinds.ts';
import { fetchObjects } from '../objects/fetch-objects.ts';
import { ObjectChanges } from '../objects/object-changes.ts';
import { needsValues } from '../objects/show-objects.ts';
import { isMet, parseWaitCondition, type WaitCondition } from '../objects/wait-condition.ts';
import { type WaitSubject, waitForObject, waitForVolume } from '../objects/wait-subjects.ts';
import { durationArgument, type NamespaceOptions, namespaceOption, selectorOption } from '../options.ts';
import { printable } from '../output/text.ts';
import { ShownProgress } from '../shown-progress.ts';
import { sayAway, withDaemon } from '../with-daemon.ts';

type Options = NamespaceOptions & {
  readonly for: WaitCondition;
  readonly selector?: string;
  readonly all: boolean;
  /** Milliseconds. */
  readonly timeout: number;
};

/** kubectl's. */
const DEFAULT_TIMEOUT_MS = 30_000;
const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

/** Follows what it waits for, and never asks in vain. */
export function waitCommand(command: Command, cli: Cli): void {
  withExamples(command, [
    'lantern wait --for=create secret/db',
    'lantern wait --for=delete secret/old --timeout=2m',
    "lantern wait --for=jsonpath='{.data.colour}'=blue configmap/settings",
    'lantern wait --for=condition=Ready volume /dev/shm/app-secrets',
  ])
    .argument('<KIND/NAME|KIND NAME...>', `volume, ${listKinds()}`)
    .requiredOption(
      '--for <CONDITION>',
      'create, delete, condition=Ready (of volumes), jsonpath=PATH=VALUE',
      conditionArgument,
    )
    .addOption(namespaceOption())
    .addOption(selectorOption())
    .option('--all', 'wait for all objects of a kind in the namespace', false)
    .addOption(
      new Option('--timeout <DURATION>', '0 looks once; below zero is a week')
        .argParser(timeoutArgument)
        .default(DEFAULT_TIMEOUT_MS, '30s'),
    )
    .action(async (words: readonly string[], options: Options) => {
      const find = finderFor(cli, words, options);
      const allWell = await withDaemon(cli, command, async (daemon) => {
        const subjects = await find(daemon);
        using progress = new ShownProgress(cli);
        progress.begin('waiting', subjects.length);
        const waits = subjects.map((subject) => waitFor(cli, subject, options));
        // Each is awaited in its turn.
        for (const wait of waits) wait.catch(() => {});
        return await forEach(cli.terminal, [...subjects.entries()], async ([index, { name }]) => {
          await waits[index];
          progress.step();
          cli.terminal.print(printable(`${name} condition met`));
        });
      });
      if (!allWell) throw PARTLY_FAILED;
    });
}

/** Throws `aborted` after the timeout. */
async function waitFor(
  cli: Cli,
  { name, plural, states }: WaitSubject,
  { for: condition, timeout }: Options,
): Promise<void> {
  const late = timeout === 0 ? NEVER : AbortSignal.timeout(Math.min(timeout, MAX_TIMER_MS));
  const done = new AbortController();
  try {
    for await (const subject of states(AbortSignal.any([cli.signal, late, done.signal]))) {
      if (isMet(condition, subject)) return;
      if (subject === undefined && condition.kind !== 'create') {
        throw new LanternError('not-found', `wait for ${name}: it does not exist; --for=create waits for it`);
      }
      if (timeout === 0) throw new LanternError('aborted', `condition not met for ${plural}`);
    }
  } catch (error) {
    if (!late.aborted) throw error;
  } finally {
    // A watch of which nobody reads the next event ends in no other way.
    done.abort();
  }
  cli.signal.throwIfAborted();
  throw new LanternError('aborted', `timed out waiting for the condition on ${plural}`);
}

const NEVER = new AbortController().signal;

type Find = (daemon: LanternClient) => Promise<readonly WaitSubject[]>;

function finderFor(cli: Cli, words: readonly string[], options: Options): Find {
  const { for: condition, selector, all, currentNamespace: namespace } = options;
  const onAway = () => sayAway(cli);
  const volumes = volumesIn(words);
  if (volumes !== undefined) return async (daemon) => volumes.map((id) => waitForVolume(daemon, id, onAway));
  const withData = condition.kind === 'jsonpath' && needsValues(undefined, condition.path);
  const followed = new Map<KindName, ObjectChanges>();
  const subjectFor = (daemon: LanternClient, kind: KindName, name: string) => {
    const changes = followed.get(kind) ?? new ObjectChanges(daemon, { kind, namespace }, onAway);
    followed.set(kind, changes);
    return waitForObject(daemon, { kind, namespace, name }, { withData, changes });
  };
  const wanted = parseSelections(words).flatMap(oneByOne);
  if (condition.kind === 'state') throw wrongUsage('objects have no conditions; use --for=jsonpath={.metadata.name}');
  const isSelected = selectorOf(selector);
  if (wanted.every(({ name }) => name !== undefined)) {
    if (selector !== undefined || all) throw wrongUsage('names cannot be combined with --selector or --all');
    return async (daemon) => wanted.map(({ kind, name = '' }) => subjectFor(daemon, kind, name));
  }
  if (selector === undefined && !all) throw wrongUsage('name what to wait for, or use --selector or --all');
  return async (daemon) => {
    const found = wanted.map(async ({ kind, name }) => {
      const objects = await fetchObjects(daemon, { kind, name, namespace, withData: false }, cli.signal);
      return objects.filter(isSelected).map(({ metadata }) => subjectFor(daemon, kind, metadata?.name ?? ''));
    });
    const subjects = (await Promise.all(found)).flat();
    // As with kubectl: what somebody else has deleted already is no error.
    if (subjects.length === 0 && condition.kind !== 'delete')
      throw new LanternError('not-found', 'no matching resources found');
    return subjects;
  };
}

/** Ids in `volume ID…` or `volume/ID…`; an id may begin with a slash. Undefined for objects. */
function volumesIn(words: readonly string[]): readonly string[] | undefined {
  const [first = '', ...ids] = words;
  if (/^volumes?$/.test(first)) {
    if (ids.length === 0) throw wrongUsage('name the volumes to wait for: volume ID');
    return ids;
  }
  const found = words.flatMap((word) => /^volumes?\/(.+)$/s.exec(word)?.[1] ?? []);
  if (found.length > 0 && found.length < words.length) throw wrongUsage('volumes and objects cannot be combined');
  return found.length > 0 ? found : undefined;
}

function conditionArgument(text: string): WaitCondition {
  const condition = parseWaitCondition(text, '--for');
  if (!condition.ok) throw wrongUsage(listFaults(condition.faults));
  return condition.value;
}

function timeoutArgument(text: string): number {
  if (text === '0') return 0;
  return text.startsWith('-') ? WEEK_MS : durationArgument(text);
}

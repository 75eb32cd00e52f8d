import type { Command } from 'commander';
import { LanternError } from '../../base/errors.ts';
import {
  describeRef,
  draftOf,
  isSameMap,
  type ObjectDraft,
  type ObjectRef,
  type StoredObject,
} from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { callsInOrder } from '../calls-in-order.ts';
import type { Cli } from '../command.ts';
import { PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { nameOfKind } from '../kinds.ts';
import { type ChoiceOptions, chooseObjects } from '../objects/chosen-objects.ts';
import { printable } from '../output/text.ts';
import { withDaemon } from '../with-daemon.ts';
import { changeObject, currentObject } from './change-object.ts';
import { type ResultOptions, Results } from './results.ts';

export type MetadataOptions = ChoiceOptions &
  ResultOptions & { readonly overwrite: boolean; readonly list: boolean; readonly resourceVersion?: string };

type Field = 'labels' | 'annotations';

/** Null removes the key. */
type Changes = ReadonlyMap<string, string | null>;

type Answer = { readonly object: ObjectDraft | StoredObject; readonly verb: string };

/** Sets and removes labels or annotations as kubectl does. */
export async function changeMetadata(
  cli: Cli,
  command: Command,
  field: Field,
  words: readonly string[],
  options: MetadataOptions,
): Promise<void> {
  const { resources, changes } = parseChanges(words, field);
  if (changes.size === 0 && !options.list) throw wrongUsage(`specify ${field} to change: KEY=VALUE or KEY-`);
  const chosen = await chooseObjects(cli, resources, options, command.name());
  await withDaemon(cli, command, async (daemon) => {
    const refs = await chosen.refs(daemon);
    if (options.resourceVersion !== undefined && refs.length !== 1) {
      throw wrongUsage('--resource-version can only be used with a single object');
    }
    const results = new Results(cli.terminal, options);
    const allWell = await callsInOrder(cli, refs, {
      doing: changes.size > 0 ? `changing ${field}` : `reading ${field}`,
      call: async (ref) => {
        if (changes.size > 0) return await changeOne(cli, daemon, ref, field, changes, options, results.withData);
        return { object: await currentObject(cli, daemon, ref), verb: '' };
      },
      tell: ({ object, verb }) => {
        if (options.list) listOf(object, field, refs.length > 1).forEach(cli.terminal.print);
        else results.add(object, verb);
      },
      follows: () => false,
    });
    if (!options.list) await results.end();
    if (!allWell) throw PARTLY_FAILED;
  });
}

/** As in kubectl, the first word with "=" in it or "-" behind it ends the objects. */
function parseChanges(
  words: readonly string[],
  field: Field,
): { readonly resources: readonly string[]; readonly changes: Changes } {
  const isChange = (word: string) => /^[^=]+=/s.test(word) || /^.+-$/s.test(word);
  const first = words.findIndex(isChange);
  const resources = first < 0 ? words : words.slice(0, first);
  const changes = new Map<string, string | null>();
  for (const word of words.slice(resources.length)) {
    if (!isChange(word)) throw wrongUsage(`the objects must come before the ${field}, and "${word}" is an object`);
    const [, key = '', value] = /^([^=]+)=(.*)$/s.exec(word) ?? [undefined, word.slice(0, -1), null];
    if (changes.has(key)) throw wrongUsage(`"${key}" can be changed only once in a command`);
    changes.set(key, value ?? null);
  }
  return { resources, changes };
}

async function changeOne(
  cli: Cli,
  daemon: LanternClient,
  ref: ObjectRef,
  field: Field,
  changes: Changes,
  { overwrite, dryRun, resourceVersion }: MetadataOptions,
  withData: boolean,
): Promise<Answer> {
  let verb = '';
  const change = (current: StoredObject): ObjectDraft => {
    const before = current.metadata[field];
    if (!overwrite) refuseOverwriting(ref, before, changes);
    const after = new Map(before);
    for (const [key, value] of changes) {
      if (value === null) after.delete(key);
      else after.set(key, value);
    }
    verb = verbFor(field, before, after);
    const draft = draftOf(current);
    const wanted = resourceVersion === undefined ? {} : { resourceVersion };
    return { ...draft, metadata: { ...draft.metadata, [field]: after, ...wanted } };
  };
  const how = { verb: field === 'labels' ? 'label' : 'annotate', change, dryRun, withData };
  const { object } = await changeObject(cli, daemon, ref, how);
  return { object, verb };
}

/** Does not quote the value, which may be a secret in an annotation. */
function refuseOverwriting(ref: ObjectRef, before: ReadonlyMap<string, string>, changes: Changes): void {
  for (const [key, value] of changes) {
    const found = before.get(key);
    if (value === null || found === undefined || found === value) continue;
    throw new LanternError(
      'failed-precondition',
      `${describeRef(ref)}: "${key}" already has another value; add --overwrite to change it`,
    );
  }
}

function verbFor(field: Field, before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string {
  if (field === 'annotations') return isSameMap(before, after) ? 'not annotated' : 'annotated';
  if (isSameMap(before, after)) return 'not labeled';
  return after.size < before.size ? 'unlabeled' : 'labeled';
}

function listOf({ kind, metadata }: ObjectDraft | StoredObject, field: Field, hasHeading: boolean): string[] {
  const lines = [...metadata[field]].sort().map(([key, value]) => printable(`${key}=${value}`));
  if (!hasHeading) return lines;
  const heading = `Listing ${field} for ${nameOfKind(kind).singular}/${metadata.name}:`;
  return [heading, ...lines.map((line) => ` ${line}`)];
}

import type { Command } from 'commander';
import { LanternError } from '../../base/errors.ts';
import { orThrow } from '../../base/parsed.ts';
import { type Declared, withoutNulls } from '../../objects/declared.ts';
import { describeRef, type ObjectDraft, refOf, type StoredObject } from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { objectFromWire, objectToWire } from '../../rpc/lantern/object-messages.ts';
import { admitObject } from '../../spec/admit-object.ts';
import { callsInOrder, dependsOn } from '../calls-in-order.ts';
import type { Cli } from '../command.ts';
import { forEach, PARTLY_FAILED } from '../exit.ts';
import { withDaemon } from '../with-daemon.ts';
import { namingObject } from './apply-object.ts';
import { untilNotOvertaken } from './change-object.ts';
import { removeObject } from './delete-objects.ts';
import { type ResultOptions, Results } from './results.ts';

type Asked = { readonly dryRun: boolean; readonly withData: boolean };

/** Stores one object and returns it; with its values if asked. */
type Store = (daemon: LanternClient, draft: ObjectDraft, asked: Asked) => Promise<ObjectDraft | StoredObject>;

type Words = { readonly verb: 'create' | 'replace'; readonly doing: string; readonly done: string };

const CREATE: Words = { verb: 'create', doing: 'creating objects', done: 'created' };
const REPLACE: Words = { verb: 'replace', doing: 'replacing objects', done: 'replaced' };

/** As `kubectl create -f`: no object may exist, and none is recorded as declared. */
export async function createFromManifests(
  cli: Cli,
  command: Command,
  declared: readonly Declared[],
  options: ResultOptions,
): Promise<void> {
  const create: Store = (daemon, draft, asked) => store(cli, daemon, draft, { ...asked, createOnly: true });
  await storeEach(cli, command, declared, options, CREATE, create);
}

/**
 * As `kubectl replace -f`: every object must exist, and loses what the manifest lacks. With `force` it is deleted and
 * created, which changes its uid and also what is immutable; if the daemon would refuse the manifest, it stays.
 */
export async function replaceFromManifests(
  cli: Cli,
  command: Command,
  declared: readonly Declared[],
  { force, ...options }: ResultOptions & { readonly force: boolean },
): Promise<void> {
  const replace: Store = async (daemon, draft, asked) => {
    if (force) {
      const { resourceVersion: _, ...metadata } = draft.metadata;
      const admitted = orThrow(admitObject({ ...draft, metadata }));
      // A store that has the object cannot try the creation.
      if (asked.dryRun) return admitted;
      await removeObject(cli, daemon, refOf(draft), { ignoreNotFound: true, dryRun: false });
      return await store(cli, daemon, admitted, { ...asked, createOnly: true });
    }
    if (draft.metadata.resourceVersion !== undefined) return await store(cli, daemon, draft, asked);
    return await untilNotOvertaken(cli, async () => {
      const resourceVersion = await versionOf(cli, daemon, draft);
      return await store(cli, daemon, { ...draft, metadata: { ...draft.metadata, resourceVersion } }, asked);
    });
  };
  await storeEach(cli, command, declared, options, REPLACE, replace);
}

async function versionOf({ signal }: Cli, daemon: LanternClient, draft: ObjectDraft): Promise<string> {
  const { object } = await daemon.objects.get({ ref: refOf(draft) }, { signal });
  if (object?.metadata) return object.metadata.resourceVersion;
  throw new LanternError('not-found', `replace ${describeRef(refOf(draft))}: it does not exist`);
}

async function store(
  { signal }: Cli,
  daemon: LanternClient,
  draft: ObjectDraft,
  asked: Asked & { readonly createOnly?: boolean },
): Promise<ObjectDraft | StoredObject> {
  const { object } = await daemon.objects.apply({ object: objectToWire(draft), ...asked }, { signal });
  return asked.withData && object !== null ? objectFromWire(object) : draft;
}

async function storeEach(
  cli: Cli,
  command: Command,
  declared: readonly Declared[],
  options: ResultOptions,
  { verb, doing, done }: Words,
  store: Store,
): Promise<void> {
  const drafts = declared.map((each) => orThrow(withoutNulls(each)));
  const results = new Results(cli.terminal, options);
  const asked = { dryRun: options.dryRun === 'server', withData: results.withData };
  const check = (draft: ObjectDraft) =>
    namingObject(verb, refOf(draft), () => results.add(orThrow(admitObject(draft)), done));
  const allWell =
    options.dryRun === 'client'
      ? await forEach(cli.terminal, drafts, check)
      : await withDaemon(cli, command, (daemon) =>
          callsInOrder(cli, drafts, {
            doing,
            call: (draft) => namingObject(verb, refOf(draft), () => store(daemon, draft, asked)),
            tell: (object) => results.add(object, done),
            follows: (draft, earlier) => dependsOn(refOf(draft), refOf(earlier)),
          }),
        );
  await results.end();
  if (!allWell) throw PARTLY_FAILED;
}

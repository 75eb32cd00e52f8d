import { randomUUID } from 'node:crypto';
import { LanternError, toLanternError } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import { counted, type Progress, UNSEEN } from '../../base/progress.ts';
import { refKey, refOf, type StoredObject } from '../../objects/object.ts';
import { createKeyFile, type KeyRing, readKeyRing, type StoreKey } from '../sealed/key-file.ts';
import type { ObjectEvent } from '../store.ts';
import { type DataPaths, dataPaths, prepareDataDirectory } from './data-directory.ts';
import { isUnused, type Level, levelError, openLevel, WAY_BACK } from './level.ts';
import {
  type Contents,
  digestOf,
  EMPTY_DIGEST,
  type EmbeddedRecord,
  HEAD_KEY,
  type Head,
  objectRecord,
  openHead,
  readHeadFile,
  readRecords,
  recordKey,
  requireWhole,
  revisionsOf,
  sealHead,
  toggled,
} from './records.ts';

/** The first key file seals; all of them open. */
export type EmbeddedLocation = { readonly directory: string; readonly keyFiles: readonly string[] };

/** LevelDB with sealed values, and the head outside it. Changes go to LevelDB first: after a crash it is not behind. */
export class EmbeddedDatabase implements AsyncDisposable {
  #level: Level;
  readonly #paths: DataPaths;
  readonly #keys: KeyRing;
  readonly #key: StoreKey;
  /** `refKey` → revision of each object. */
  readonly #revisions: Map<string, string>;
  /** Its digest is under `#key`. */
  #head: Head;
  /** The state that a failed commit would have led to. */
  #undecided: NextState | undefined;

  private constructor(level: Level, paths: DataPaths, keys: KeyRing, head: Head, revisions: Map<string, string>) {
    this.#level = level;
    this.#paths = paths;
    this.#keys = keys;
    this.#key = keys.first;
    this.#head = head;
    this.#revisions = revisions;
  }

  /**
   * Reads and checks all files. The first start creates key file and store, with revisions after `firstRevision`.
   * `data-loss` if the state is not the last acknowledged one.
   */
  static async open(
    { directory, keyFiles }: EmbeddedLocation,
    firstRevision: number,
    progress: Progress = UNSEEN,
  ): Promise<{ readonly database: EmbeddedDatabase; readonly objects: Map<string, StoredObject> }> {
    const what = `open the store in "${directory}"`;
    const paths = dataPaths(directory);
    await prepareDataDirectory(directory);
    const isFirstStart = await isUnused(paths);
    const [firstKeyFile] = keyFiles;
    if (isFirstStart && firstKeyFile !== undefined) await createKeyFile(firstKeyFile);
    const keys = await readKeyRing(keyFiles);
    const level = await openLevel(paths.database, isFirstStart, what);
    progress.begin('reading records');
    try {
      const contents = await readRecords(counted(recordsOf(level, what), progress), keys, what);
      await requireCurrent(contents, await readHeadFile(paths.head), keys, what);
      const head = {
        ...(contents.head?.head ?? { storeId: randomUUID(), revision: firstRevision, count: 0 }),
        digest: digestOf(keys.first, revisionsOf(contents.objects)),
      };
      const revisions = new Map(revisionsOf(contents.objects));
      const database = new EmbeddedDatabase(level, paths, keys, head, revisions);
      await database.#write([], head);
      return { database, objects: contents.objects };
    } catch (error) {
      await level.close();
      throw withWayBack(toLanternError(error, what));
    }
  }

  get storeId(): string {
    return this.#head.storeId;
  }

  get revision(): number {
    return this.#head.revision;
  }

  get key(): StoreKey {
    return this.#key;
  }

  /** Makes the changes durable, all or none. After an error the outcome is unknown: `reopen` before writing more. */
  async commit(events: readonly ObjectEvent[]): Promise<void> {
    const next = this.#after(events);
    this.#undecided = next;
    await this.#write(next.operations, next.head);
    this.#adopt(next);
  }

  /**
   * Reopens the files after a failed commit. If the head shows that its changes were kept, they are durable now. Throws
   * if writing still fails, or `data-loss` if the head is unknown. May be repeated.
   */
  async reopen(): Promise<'kept' | 'dropped'> {
    const what = `open the store in "${this.#paths.directory}" again`;
    await this.#level.close();
    const level = await openLevel(this.#paths.database, false, what);
    try {
      const head = await this.#headIn(level, what);
      const undecided = this.#undecided?.head;
      const found = [undecided, this.#head].find((known) => known !== undefined && isSameHead(known, head));
      if (found === undefined) {
        throw new LanternError('data-loss', `${what}: it was changed by somebody else; restart the daemon`);
      }
      this.#level = level;
      await this.#write([], found);
    } catch (error) {
      await level.close();
      throw levelError(error, what);
    }
    const next = this.#undecided;
    if (next === undefined || !isSameHead(next.head, this.#head)) return 'dropped';
    this.#adopt(next);
    return 'kept';
  }

  /** Seals all objects with the first key and drops what other keys sealed. */
  async reseal(objects: Iterable<StoredObject>): Promise<void> {
    await this.#write(
      [...objects].map((object) => put(objectRecord(this.#key, object))),
      this.#head,
    );
    await this.#level.compactRange('', '\uffff');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#level.close();
  }

  #after(events: readonly ObjectEvent[]): NextState {
    const operations: Operation[] = [];
    const revisions = new Map<string, string | undefined>();
    let { digest, revision, count } = this.#head;
    for (const event of events) {
      const objectKey = refKey(refOf(event.object));
      const before = revisions.has(objectKey) ? revisions.get(objectKey) : this.#revisions.get(objectKey);
      if (before !== undefined) digest = toggled(digest, this.#key, objectKey, before);
      if (event.type === 'deleted') {
        revisions.set(objectKey, undefined);
        operations.push({ type: 'del', key: recordKey(objectKey) });
      } else {
        const { resourceVersion } = event.object.metadata;
        digest = toggled(digest, this.#key, objectKey, resourceVersion);
        revisions.set(objectKey, resourceVersion);
        operations.push(put(objectRecord(this.#key, event.object)));
      }
      count += Number(revisions.get(objectKey) !== undefined) - Number(before !== undefined);
      revision = event.revision;
    }
    return { operations, revisions, head: { ...this.#head, revision, count, digest } };
  }

  #adopt({ revisions }: NextState): void {
    for (const [objectKey, revision] of revisions) {
      if (revision === undefined) this.#revisions.delete(objectKey);
      else this.#revisions.set(objectKey, revision);
    }
    this.#undecided = undefined;
  }

  /** The database's head, which must not be behind the one outside. */
  async #headIn(level: Level, what: string): Promise<Head> {
    const [inside, outside] = [await level.get(HEAD_KEY), await readHeadFile(this.#paths.head)];
    if (inside === undefined || outside === undefined) {
      throw new LanternError('data-loss', `${what}: its head is missing; ${WAY_BACK}`);
    }
    const { head } = openHead(this.#keys, inside, what);
    const acknowledged = openHead(this.#keys, outside, what).head;
    if (acknowledged.storeId === head.storeId && acknowledged.revision <= head.revision) return head;
    throw new LanternError('data-loss', `${what}: it lacks what was acknowledged; ${WAY_BACK}`);
  }

  async #write(operations: Operation[], head: Head): Promise<void> {
    const what = `write to the store in "${this.#paths.directory}"`;
    const sealed = sealHead(this.#key, head);
    try {
      await this.#level.batch([...operations, { type: 'put', key: HEAD_KEY, value: sealed }], { sync: true });
      await replaceFile(this.#paths.head, [sealed]);
      this.#head = head;
    } catch (error) {
      throw levelError(error, what);
    }
  }
}

type NextState = {
  readonly operations: Operation[];
  readonly head: Head;
  /** `refKey` → revision of each changed object; undefined if deleted. */
  readonly revisions: ReadonlyMap<string, string | undefined>;
};

function isSameHead(a: Head, b: Head): boolean {
  return a.storeId === b.storeId && a.revision === b.revision && a.count === b.count && a.digest === b.digest;
}

type Operation = { type: 'put'; key: string; value: Uint8Array } | { type: 'del'; key: string };

function put([key, value]: EmbeddedRecord): Operation {
  return { type: 'put', key, value };
}

async function* recordsOf(level: Level, what: string): AsyncGenerator<EmbeddedRecord> {
  try {
    yield* level.iterator();
  } catch (error) {
    throw levelError(error, what);
  }
}

/** Throws `data-loss` unless the database is at the head outside or ahead of it. */
async function requireCurrent(contents: Contents, file: Uint8Array | undefined, keys: KeyRing, what: string) {
  const inside = contents.head?.head;
  if (file === undefined) {
    // Nothing was acknowledged yet: the first start did not finish.
    if (inside === undefined || (inside.count === 0 && inside.digest === EMPTY_DIGEST)) return;
    throw new LanternError('data-loss', `${what}: the head record beside the database is missing`);
  }
  const { head: outside, key } = openHead(keys, file, `${what}: the head record beside the database`);
  if (inside === undefined) throw new LanternError('data-loss', `${what}: the database is empty`);
  if (inside.storeId !== outside.storeId) {
    throw new LanternError('data-loss', `${what}: the database is another store's than the head record beside it`);
  }
  if (inside.revision < outside.revision) {
    throw new LanternError(
      'data-loss',
      `${what}: the database is at revision ${inside.revision}, older than ${outside.revision}, which was acknowledged`,
    );
  }
  if (inside.revision === outside.revision) requireWhole(outside, key, contents.objects, what);
}

function withWayBack(error: LanternError): LanternError {
  if (error.code !== 'data-loss' || error.message.endsWith(WAY_BACK)) return error;
  return new LanternError('data-loss', `${error.message}; ${WAY_BACK}`, { cause: error });
}

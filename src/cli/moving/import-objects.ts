import { type Fault, hasCode, invalid, LanternError } from '../../base/errors.ts';
import { counted, type Progress } from '../../base/progress.ts';
import { namesIn } from '../../objects/declared.ts';
import {
  describeRef,
  draftOf,
  OBJECT_KINDS,
  type ObjectDraft,
  type ObjectKind,
  type ObjectRef,
  refKey,
  refOf,
  type StoredObject,
} from '../../objects/object.ts';
import type { LanternClient } from '../../rpc/client.ts';
import { objectFromWire, objectToWire } from '../../rpc/lantern/object-messages.ts';
import { admitObject } from '../../spec/admit-object.ts';
import type { Archive } from '../../stores/archive/archive.ts';
import type { Cli } from '../command.ts';
import { PARTLY_FAILED } from '../exit.ts';
import { nameOfKind } from '../kinds.ts';
import { printable } from '../output/text.ts';
import { isKeptByDaemon, isSigningKeys, keyIdsOf, keySetIn, moveOf } from './moved-object.ts';

/** Objects stored at the same time, each with 1 MiB of values at most. */
const CONCURRENCY = 8;
const MAX_FAULTS = 100;

type CheckedArchive = { readonly archive: Archive; readonly keyIds: readonly string[]; readonly count: number };

type Summary = Map<ObjectKind, Map<ImportOutcome, number>>;

/** Keeps only a name per object. `data-loss` if it is damaged, `invalid-argument` with all faults of its objects. */
export async function checkArchive(archive: Archive, progress: Progress): Promise<CheckedArchive> {
  progress.begin('checking objects');
  const seen = new Set<string>();
  const faults: Fault[] = [];
  let keyIds: readonly string[] = [];
  for await (const object of counted(archive.objects(), progress)) {
    const ref = refOf(object);
    const admitted = admit(object);
    const isTwice = seen.has(refKey(ref));
    seen.add(refKey(ref));
    const twice = isTwice ? [{ field: '', message: 'occurs more than once in the archive' }] : [];
    for (const { field, message } of [...admitted, ...twice]) {
      if (faults.length < MAX_FAULTS)
        faults.push({ field: [describeRef(ref), field].filter(Boolean).join(': '), message });
    }
    if (isSigningKeys(ref)) keyIds = keyIdsOf(await keySetIn(object));
  }
  if (faults.length > 0) throw invalid(faults);
  return { archive, keyIds, count: seen.size };
}

function admit(object: StoredObject): readonly Fault[] {
  try {
    const admitted = admitObject(draftOf(object));
    return admitted.ok ? [] : admitted.faults;
  } catch (error) {
    // Specs of our own archives are not nested so deeply. Only the owner of the key can forge one.
    if (error instanceof RangeError) return [{ field: 'spec', message: 'is nested too deeply' }];
    throw error;
  }
}

/** With `dryRun` it only prints the outcome. Throws `PARTLY_FAILED` if some objects failed. */
export async function importObjects(
  cli: Cli,
  daemon: LanternClient,
  { archive, keyIds, count }: CheckedArchive,
  { mode, dryRun, progress }: { readonly mode: ImportMode; readonly dryRun: boolean; readonly progress: Progress },
): Promise<void> {
  const known = await currentKeyIds(daemon, cli.signal);
  const importer = new Importer(daemon, { mode, keyIds: [...keyIds, ...known], now: cli.clock.now() }, cli.signal);
  if (dryRun || mode === 'refuse') {
    progress.begin('comparing objects', count);
    const plan = await inTurn(cli, archive, progress, (object) => importer.plan(object));
    if (dryRun) printSummary(cli, plan.summary, ' (dry run)');
    if (!plan.isWell && mode === 'refuse') throw refusal(plan.summary);
    if (!plan.isWell) throw PARTLY_FAILED;
    if (dryRun) return;
  }
  progress.begin('storing objects', count);
  const { summary, isWell } = await inTurn(cli, archive, progress, (object) => importer.carryOut(object));
  printSummary(cli, summary, '');
  if (!isWell) throw PARTLY_FAILED;
}

async function currentKeyIds(daemon: LanternClient, signal: AbortSignal): Promise<string[]> {
  const { jwksJson } = await daemon.tokens.getKeys({}, { signal });
  const { keys } = JSON.parse(jwksJson) as { keys: { kid: string }[] };
  return keys.map(({ kid }) => kid);
}

/**
 * Signing keys come first, so that their tokens are recognised, and accounts before others: without its account, the
 * daemon would delete a token Secret. Several objects are handled at a time.
 */
async function inTurn(
  cli: Cli,
  archive: Archive,
  progress: Progress,
  action: (object: StoredObject) => Promise<ImportOutcome>,
): Promise<{ readonly summary: Summary; readonly isWell: boolean }> {
  const summary: Summary = new Map();
  let isWell = true;
  const complain = (message: string): void => {
    isWell = false;
    cli.terminal.complain(`lantern: ${printable(message)}`);
  };
  const attempt = async (object: StoredObject): Promise<void> => {
    try {
      const outcome = await action(object);
      const counts = summary.get(object.kind) ?? new Map<ImportOutcome, number>();
      summary.set(object.kind, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
      if (outcome === 'conflict') complain(`${describeRef(refOf(object))} already exists and differs`);
    } catch (error) {
      if (!(error instanceof LanternError) || isGeneral(error)) throw error;
      complain(`import ${describeRef(refOf(object))}: ${error.message}`);
    }
    progress.step();
  };
  for (const turn of [0, 1, 2]) {
    let batch: StoredObject[] = [];
    for await (const object of archive.objects()) {
      if (turnOf(object) !== turn) continue;
      batch.push(object);
      if (batch.length < CONCURRENCY) continue;
      await Promise.all(batch.map(attempt));
      batch = [];
    }
    await Promise.all(batch.map(attempt));
  }
  return { summary, isWell };
}

function turnOf(object: StoredObject): number {
  if (isSigningKeys(refOf(object))) return 0;
  return object.kind === 'ServiceAccount' ? 1 : 2;
}

/** Errors that would meet every further object as well. */
function isGeneral({ code }: LanternError): boolean {
  return code === 'unavailable' || code === 'cancelled' || code === 'deadline-exceeded' || code === 'data-loss';
}

function refusal(summary: Summary): LanternError {
  const conflicts = [...summary.values()].reduce((sum, counts) => sum + (counts.get('conflict') ?? 0), 0);
  const advice = conflicts > 0 ? '; use --overwrite to replace stored objects, or --skip-existing to keep them' : '';
  return new LanternError('failed-precondition', `nothing was imported because of these objects${advice}`);
}

function printSummary(cli: Cli, summary: Summary, remark: string): void {
  for (const kind of OBJECT_KINDS) {
    const counts = [...(summary.get(kind) ?? [])].sort().map(([outcome, count]) => `${count} ${outcome}`);
    if (counts.length > 0) cli.terminal.print(`${nameOfKind(kind).plural}: ${counts.join(', ')}${remark}`);
  }
  if (summary.size === 0) cli.terminal.print(`nothing to import${remark}`);
}

/** For stored objects that differ: refuse the whole import, keep them, or replace them. */
export type ImportMode = 'refuse' | 'skip' | 'overwrite';

/** `conflict`: the object is stored and differs, in the mode `refuse`. */
type ImportOutcome = 'created' | 'configured' | 'unchanged' | 'skipped' | 'conflict';

/** Other clients and the daemon may write in between. */
const MAX_ATTEMPTS = 5;

class Importer {
  readonly #daemon: LanternClient;
  readonly #mode: ImportMode;
  readonly #keyIds: readonly string[];
  readonly #now: number;
  readonly #signal: AbortSignal;

  /** The daemon may replace the tokens of `keyIds`. */
  constructor(
    daemon: LanternClient,
    options: { readonly mode: ImportMode; readonly keyIds: readonly string[]; readonly now: number },
    signal: AbortSignal,
  ) {
    this.#daemon = daemon;
    this.#mode = options.mode;
    this.#keyIds = options.keyIds;
    this.#now = options.now;
    this.#signal = signal;
  }

  /** Returns the outcome that `carryOut` would have now. Throws if the daemon refuses the object. */
  async plan(object: StoredObject): Promise<ImportOutcome> {
    return await repeated(async () => (await this.#stepFor(object)).outcome);
  }

  /** A conflict is an outcome; other problems are thrown. */
  async carryOut(object: StoredObject): Promise<ImportOutcome> {
    return await repeated(async () => {
      if (await this.#isNewlyCreated(object)) return 'created';
      const { outcome, draft } = await this.#stepFor(object);
      if (outcome !== 'created' && outcome !== 'configured') return outcome;
      return await this.#apply(draft, recordOf(object, draft), { dryRun: false, createOnly: outcome === 'created' });
    });
  }

  /** Most imports need only this call. */
  async #isNewlyCreated(object: StoredObject): Promise<boolean> {
    if (isKeptByDaemon(object)) return false;
    try {
      const draft = draftOf(object);
      await this.#apply(draft, recordOf(object, draft), { dryRun: false, createOnly: true });
      return true;
    } catch (error) {
      if (hasCode(error, 'already-exists')) return false;
      throw error;
    }
  }

  async #stepFor(object: StoredObject): Promise<{ readonly outcome: ImportOutcome; readonly draft: ObjectDraft }> {
    const current = isKeptByDaemon(object) ? await this.#read(refOf(object)) : undefined;
    const move = await moveOf(object, current, { keyIds: this.#keyIds, now: this.#now });
    // A merge with the current object must not be stored over a newer one.
    const version = current === undefined ? {} : { resourceVersion: current.metadata.resourceVersion };
    const bare = draftOf(move.object);
    const draft = { ...bare, metadata: { ...bare.metadata, ...version } };
    const outcome = await this.#outcomeOf(draft, recordOf(object, draft));
    if (outcome !== 'configured' || this.#mode === 'overwrite') return { outcome, draft };
    if (this.#mode === 'skip') return { outcome: 'skipped', draft };
    return { outcome: move.isMerged ? 'configured' : 'conflict', draft };
  }

  /** A refusal due to the stored object (immutable, type) counts as a difference. Records count with `overwrite`. */
  async #outcomeOf(draft: ObjectDraft, record: Recording): Promise<'created' | 'configured' | 'unchanged'> {
    try {
      const compared = this.#mode === 'overwrite' ? record : {};
      return await this.#apply(draft, compared, { dryRun: true, createOnly: false });
    } catch (error) {
      if (!hasCode(error, 'invalid-argument') || this.#mode === 'overwrite') throw error;
      if ((await this.#read(refOf(draft))) === undefined) throw error;
      return 'configured';
    }
  }

  async #apply(
    draft: ObjectDraft,
    { mode, applied }: Recording,
    options: { readonly dryRun: boolean; readonly createOnly: boolean },
  ) {
    const object = { ...objectToWire(draft), ...(applied && { applied }) };
    const request = { object, ...(mode && { mode }), ...options };
    const { outcome } = await this.#daemon.objects.apply(request, { signal: this.#signal });
    if (outcome === 'CREATED') return 'created';
    return outcome === 'UNCHANGED' ? 'unchanged' : 'configured';
  }

  async #read(ref: ObjectRef): Promise<StoredObject | undefined> {
    try {
      const { object } = await this.#daemon.objects.get({ ref, withData: true }, { signal: this.#signal });
      return object === null ? undefined : objectFromWire(object);
    } catch (error) {
      if (hasCode(error, 'not-found')) return undefined;
      throw error;
    }
  }
}

/** An empty one keeps the stored record. */
type Recording = { readonly mode?: 'REPLACE'; readonly applied?: { readonly names: string[] } };

/** A complete record is left out, because requests have a limit of fields. */
function recordOf({ applied = new Set() }: StoredObject, draft: ObjectDraft): Recording {
  const isWhole = applied.size > 0 && [...namesIn(draft)].every((name) => applied.has(name));
  return { mode: 'REPLACE', ...(!isWhole && { applied: { names: [...applied] } }) };
}

/** Another client may write in between. */
async function repeated<T>(action: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action();
    } catch (error) {
      const isOvertaken = hasCode(error, 'aborted') || hasCode(error, 'already-exists');
      if (!isOvertaken || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

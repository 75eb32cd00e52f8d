import { hasCode } from '../base/errors.ts';
import { namesIn } from '../objects/declared.ts';
import { draftOf } from '../objects/draft-of.ts';
import { type ObjectDraft, type ObjectRef, refOf, type StoredObject } from '../objects/object.ts';
import type { LanternClient } from '../rpc/client.ts';
import { objectFromWire, objectToWire } from '../rpc/object-messages.ts';
import { isKeptByDaemon, moveOf } from '../sources/moved-object.ts';

/** What is done about objects that are stored and differ: refused before anything is stored, left as they are, replaced. */
export type ImportMode = 'refuse' | 'skip' | 'overwrite';

/** What becomes of one object; `conflict`: it is stored, differs, and the mode says nothing about it. */
export type ImportOutcome = 'created' | 'configured' | 'unchanged' | 'skipped' | 'conflict';

/** Somebody, the daemon first of all, may write in between; that they do so this often in a row is a fault of its own. */
const MOST_ATTEMPTS = 5;

/** Brings objects of an archive to a daemon, one at a time. */
export class Importer {
  readonly #daemon: LanternClient;
  readonly #mode: ImportMode;
  readonly #keyIds: readonly string[];
  readonly #now: number;
  readonly #signal: AbortSignal;

  /** `keyIds`: of the keys whose tokens are the daemon's to replace. */
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

  /** What `carryOut` would do now. Throws what the daemon refuses the object for. */
  async plan(object: StoredObject): Promise<ImportOutcome> {
    return await repeated(async () => (await this.#stepFor(object)).outcome);
  }

  /** Stores the object if the mode has it so; `conflict` is an answer, everything else that stands against it is thrown. */
  async carryOut(object: StoredObject): Promise<ImportOutcome> {
    return await repeated(async () => {
      if (await this.#isNewlyCreated(object)) return 'created';
      const { outcome, draft } = await this.#stepFor(object);
      if (outcome !== 'created' && outcome !== 'configured') return outcome;
      return await this.#apply(draft, recordOf(object, draft), { dryRun: false, createOnly: outcome === 'created' });
    });
  }

  /** The one call that most imports come to. */
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
    // What was made of the current object must not meet another one.
    const version = current === undefined ? {} : { resourceVersion: current.metadata.resourceVersion };
    const bare = draftOf(move.object);
    const draft = { ...bare, metadata: { ...bare.metadata, ...version } };
    const outcome = await this.#outcomeOf(draft, recordOf(object, draft));
    if (outcome !== 'configured' || this.#mode === 'overwrite') return { outcome, draft };
    if (this.#mode === 'skip') return { outcome: 'skipped', draft };
    return { outcome: move.isMerged ? 'configured' : 'conflict', draft };
  }

  /**
   * What applying would come to. What is refused for the object that is stored counts as a change to it. Objects that differ
   * in their records alone are the same, unless all of the stored one is to be replaced.
   */
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

/** How an object is stored together with its record; where it is empty, without touching the record that is there. */
type Recording = { readonly mode?: 'REPLACE'; readonly applied?: { readonly names: string[] } };

/** The object's record, for what is to be stored of it. A whole one is not spelled out: requests may have only so many fields. */
function recordOf({ applied = new Set() }: StoredObject, draft: ObjectDraft): Recording {
  const isWhole = applied.size > 0 && [...namesIn(draft)].every((name) => applied.has(name));
  return { mode: 'REPLACE', ...(!isWhole && { applied: { names: [...applied] } }) };
}

/** Does it again when somebody else was faster. */
async function repeated<T>(action: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action();
    } catch (error) {
      if (!isOvertaken(error) || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

function isOvertaken(error: unknown): boolean {
  return hasCode(error, 'aborted') || hasCode(error, 'already-exists');
}

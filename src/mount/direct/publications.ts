import { toLanternError } from '../../base/errors.ts';
import { finish, type Steps } from '../../base/steps.ts';
import type { Payload } from '../../payload/payload.ts';
import type { ClaimedContents, ClaimsFile } from './claims.ts';
import { DirectPublication, type WriterParts } from './publication.ts';
import { type DirectTargets, identityOf } from './targets.ts';

/**
 * The targets of one volume. What is ours is written down before it is made and struck off after it is gone, so that a
 * crash in between leaves nothing that the next start does not know.
 */
export class DirectPublications implements Disposable {
  readonly #claims: ClaimsFile;
  readonly #targets: DirectTargets;
  readonly #writerParts: WriterParts;
  readonly #byTarget = new Map<string, DirectPublication>();

  constructor(claims: ClaimsFile, targets: DirectTargets, writerParts: WriterParts) {
    this.#claims = claims;
    this.#targets = targets;
    this.#writerParts = writerParts;
  }

  /** In the order they came. */
  get all(): readonly DirectPublication[] {
    return [...this.#byTarget.values()];
  }

  get(target: string): DirectPublication | undefined {
    return this.#byTarget.get(target);
  }

  isThere(publication: DirectPublication): boolean {
    return publication.isThere(this.#targets);
  }

  isVisible(publication: DirectPublication): boolean {
    return publication.isVisible(this.#targets);
  }

  /** Renders a part of the payload at the target. On failure the target is as it was. */
  *add(target: string, contents: ClaimedContents, payload: Payload): Steps<DirectPublication> {
    const { publication, undo } = this.#prepare(target, contents);
    try {
      this.#save();
      yield* publication.render(payload);
      this.#save();
      this.#targets.take(publication.claim.identity);
      return publication;
    } catch (error) {
      if (publication.isDisposed) throw error;
      try {
        yield* publication.removingContents();
        undo();
        this.#forget(publication);
      } catch {
        // The claim stays, and the next start removes what is there.
      }
      throw error;
    }
  }

  /** Takes away what was rendered, and the target when nothing else is in it. */
  *removing(publication: DirectPublication): Steps<void> {
    try {
      yield* publication.withdrawing(this.#targets);
    } catch (error) {
      throw toLanternError(error, `take the volume away from "${publication.claim.target}"`);
    }
    this.#forget(publication);
  }

  /**
   * Those of an earlier daemon that still are what they were. What it left half-made is removed; where that fails, the
   * claim stays for the next start.
   */
  takeOver(): readonly DirectPublication[] {
    const { claims, intended } = this.#claims.load();
    for (const claim of claims) {
      const opened = this.#targets.find(claim.target, claim.identity);
      if (opened === undefined) continue;
      const publication = new DirectPublication(claim, opened, this.#writerParts);
      this.#byTarget.set(claim.target, publication);
      if (publication.isVisible(this.#targets)) this.#targets.take(claim.identity);
      else quietly(() => finish(this.removing(publication)));
    }
    if (intended !== undefined) quietly(() => this.#targets.removeEmpty(intended));
    return this.all.filter((publication) => publication.isVisible(this.#targets));
  }

  /** Lets go of the targets, with all that is in them. */
  [Symbol.dispose](): void {
    // A copy whose removal stops halfway is not to be taken over.
    if (this.all.some(({ claim }) => !claim.isComplete)) quietly(() => this.#save());
    for (const publication of this.all) publication[Symbol.dispose]();
    this.#byTarget.clear();
  }

  /** The target, empty. The intent is saved first, so that a crash does not even leave an empty directory. */
  #prepare(target: string, contents: ClaimedContents): Prepared {
    this.#save(target);
    try {
      const { opened, undo } =
        contents.kind === 'file' ? this.#targets.prepareFile(target) : this.#targets.prepareDirectory(target);
      const claim = { target, identity: identityOf(opened), contents, isComplete: false };
      const publication = new DirectPublication(claim, opened, this.#writerParts);
      this.#byTarget.set(target, publication);
      return { publication, undo };
    } catch (error) {
      quietly(() => this.#save());
      throw error;
    }
  }

  #forget(publication: DirectPublication): void {
    const { target, identity } = publication.claim;
    this.#byTarget.delete(target);
    this.#targets.release(identity);
    publication[Symbol.dispose]();
    this.#save();
  }

  #save(intended?: string): void {
    this.#claims.save(
      this.all.map(({ claim }) => claim),
      intended,
    );
  }
}

type Prepared = { readonly publication: DirectPublication; readonly undo: () => void };

/** For what is tried beside an error, or a start, that matters more. */
function quietly(action: () => void): void {
  try {
    action();
  } catch {
    // Whoever comes next tries again.
  }
}

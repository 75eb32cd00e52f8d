import { toLanternError } from '../../base/errors.ts';
import { finish, type Steps } from '../../base/steps.ts';
import type { Payload } from '../../payload/payload.ts';
import type { ClaimedContents, ClaimsFile } from './claims.ts';
import { DirectPublication, type DirectPublicationDependencies } from './publication.ts';
import { identityOf } from './targets.ts';

/** A target's claim is saved before and removed after the target, so the next start knows everything a crash left. */
export class DirectPublications implements Disposable {
  readonly #claims: ClaimsFile;
  readonly #dependencies: DirectPublicationDependencies;
  readonly #byTarget = new Map<string, DirectPublication>();

  constructor(claims: ClaimsFile, dependencies: DirectPublicationDependencies) {
    this.#claims = claims;
    this.#dependencies = dependencies;
  }

  /** In the order of publishing. */
  get all(): readonly DirectPublication[] {
    return [...this.#byTarget.values()];
  }

  get(target: string): DirectPublication | undefined {
    return this.#byTarget.get(target);
  }

  /** Renders these contents of the payload at the target. After a failure the target is as it was. */
  *add(target: string, contents: ClaimedContents, payload: Payload): Steps<DirectPublication> {
    const { publication, undo } = this.#prepare(target, contents);
    try {
      this.#save();
      yield* publication.render(payload);
      this.#save();
      this.#dependencies.targets.take(publication.claim.identity);
      return publication;
    } catch (error) {
      if (publication.isDisposed) throw error;
      try {
        yield* publication.removingContents();
        undo();
        this.#forget(publication);
      } catch {
        // The claim stays, so the next start removes what is left.
      }
      throw error;
    }
  }

  *removing(publication: DirectPublication): Steps<void> {
    try {
      yield* publication.withdrawing();
    } catch (error) {
      throw toLanternError(error, `remove the volume from "${publication.claim.target}"`);
    }
    this.#forget(publication);
  }

  /** Returns an earlier daemon's complete publications. Removes the others; if that fails, their claims stay. */
  takeOver(): readonly DirectPublication[] {
    const { claims, intended } = this.#claims.load();
    for (const claim of claims) {
      const opened = this.#dependencies.targets.find(claim.target, claim.identity);
      if (opened === undefined) continue;
      const publication = new DirectPublication(claim, opened, this.#dependencies);
      this.#byTarget.set(claim.target, publication);
      if (publication.isVisible()) this.#dependencies.targets.take(claim.identity);
      else ignoreErrors(() => finish(this.removing(publication)));
    }
    if (intended !== undefined) ignoreErrors(() => this.#dependencies.targets.removeEmpty(intended));
    return this.all.filter((publication) => publication.isVisible());
  }

  /** Closes the targets, which stay with their contents. */
  [Symbol.dispose](): void {
    // Otherwise the next start would take over a copy whose removal stopped halfway.
    if (this.all.some(({ claim }) => !claim.isComplete)) ignoreErrors(() => this.#save());
    for (const publication of this.all) publication[Symbol.dispose]();
    this.#byTarget.clear();
  }

  /** Makes the empty target. The intent is saved first, so that a crash does not even leave an empty directory. */
  #prepare(target: string, contents: ClaimedContents): Prepared {
    this.#save(target);
    try {
      const { opened, undo } =
        contents.kind === 'file'
          ? this.#dependencies.targets.prepareFile(target)
          : this.#dependencies.targets.prepareDirectory(target);
      const claim = { target, identity: identityOf(opened), contents, isComplete: false };
      const publication = new DirectPublication(claim, opened, this.#dependencies);
      this.#byTarget.set(target, publication);
      return { publication, undo };
    } catch (error) {
      ignoreErrors(() => this.#save());
      throw error;
    }
  }

  #forget(publication: DirectPublication): void {
    const { target, identity } = publication.claim;
    this.#byTarget.delete(target);
    this.#dependencies.targets.release(identity);
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

/** A failure of clean-up must not replace another error or stop the start. */
function ignoreErrors(action: () => void): void {
  try {
    action();
  } catch {
    // The next start tries again.
  }
}

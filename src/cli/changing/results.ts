import { objectToManifest } from '../../objects/manifest/object-to-manifest.ts';
import type { ObjectDraft, StoredObject } from '../../objects/object.ts';
import { nameOfKind } from '../kinds.ts';
import { isManifestFormat, listOf, showManifest, showNextManifest } from '../objects/manifest-text.ts';
import type { ResultFormat } from '../objects/object-format.ts';
import { DRY_RUN_REMARKS, type DryRun } from '../options.ts';
import type { Terminal } from '../terminal.ts';

export type ResultOptions = { readonly output?: ResultFormat; readonly dryRun: DryRun };

/** Prints a line for each changed object at once, or their manifests at the end. */
export class Results {
  readonly #terminal: Terminal;
  readonly #options: ResultOptions;
  readonly #manifests: Record<string, unknown>[] = [];

  constructor(terminal: Terminal, options: ResultOptions) {
    this.#terminal = terminal;
    this.#options = options;
  }

  /** True if the added objects must have their values. */
  get withData(): boolean {
    return isManifestFormat(this.#options.output);
  }

  /** `verb` is what was done, such as `created`. */
  add(object: ObjectDraft | StoredObject, verb: string): void {
    const { output, dryRun } = this.#options;
    const name = `${nameOfKind(object.kind).singular}/${object.metadata.name}`;
    if (this.withData) this.#manifests.push(objectToManifest(object, { withData: true }));
    else this.#terminal.print(output === 'name' ? name : `${name} ${verb}${DRY_RUN_REMARKS[dryRun]}`);
  }

  /** As with kubectl, several objects follow each other. */
  async end(): Promise<void> {
    const { output } = this.#options;
    if (!isManifestFormat(output)) return;
    const [first, ...more] = this.#manifests;
    if (first !== undefined) await showManifest(this.#terminal, first, output);
    for (const manifest of more) await showNextManifest(this.#terminal, manifest, output);
  }

  /** As with `kubectl apply`, several objects become a list. */
  async endAsList(): Promise<void> {
    const { output } = this.#options;
    if (this.#manifests.length === 1) return await this.end();
    if (isManifestFormat(output)) {
      await showManifest(this.#terminal, { ...listOf(this.#manifests), metadata: {} }, output);
    }
  }
}

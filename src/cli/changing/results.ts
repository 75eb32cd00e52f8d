import { objectToManifest } from '../../objects/manifest/object-to-manifest.ts';
import type { ObjectDraft, StoredObject } from '../../objects/object.ts';
import { nameOfKind } from '../kinds.ts';
import { isManifestFormat, showManifest } from '../objects/manifest-text.ts';
import type { ResultFormat } from '../objects/object-format.ts';
import { DRY_RUN_REMARKS, type DryRun } from '../options.ts';
import type { Terminal } from '../terminal.ts';

export type ResultOptions = { readonly output?: ResultFormat; readonly dryRun: DryRun };

/** Prints a line for each changed object at once, or all of them as manifests at the end. */
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

  /** As with kubectl, several objects become a list. */
  async end(): Promise<void> {
    const { output } = this.#options;
    if (!isManifestFormat(output)) return;
    const [only, ...more] = this.#manifests;
    const isOne = only !== undefined && more.length === 0;
    const document = isOne ? only : { apiVersion: 'v1', items: this.#manifests, kind: 'List', metadata: {} };
    await showManifest(this.#terminal, document, output);
  }
}

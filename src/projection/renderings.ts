import { hash } from 'node:crypto';
import type { ObjectRef } from '../objects/object.ts';
import type { Notice, Payload } from '../payload/payload.ts';
import { type NeededObject, objectRefsOf } from '../spec/object-refs.ts';
import { definitionToJson } from '../spec/parse-volume-source.ts';
import type { VolumeDefinition, VolumeSpec } from '../spec/volume-spec.ts';

/** Objects rendered, by `refKey`: a revision, or null if optional and missing. Comparable within one store id. */
export type Provenance = { readonly storeId: string; readonly objects: ReadonlyMap<string, number | null> };

/** The part of a projection that volumes of equal inputs have in common. */
type Rendering = { readonly payload: Payload; readonly provenance: Provenance; readonly notices: readonly Notice[] };

/** Inputs besides the objects, of a spec that takes nothing from the pod, the request or an issuer. */
type Shelf = {
  readonly needed: readonly NeededObject[];
  /** Of `needed`. Always the same list, so that a volume that renders again is seen to follow these objects already. */
  readonly refs: readonly ObjectRef[];
  last: Kept | undefined;
};

/** Of the bytes, only a weak reference: volumes decide how long they live. */
type Kept = Omit<Rendering, 'payload'> & { readonly payload: WeakRef<Payload> };

/** Namespaces and mount groups of one spec. */
const MAX_SHELVES = 64;
const FIRST_SWEEP = 128;

/**
 * Lets volumes with equal inputs share one definition and one rendering, which saves time when their objects change,
 * and memory. A rendering is found only while a volume has its payload: no bytes are kept.
 */
export class Renderings {
  readonly #definitions = new Map<string, WeakRef<VolumeDefinition>>();
  readonly #shared = new WeakSet<VolumeDefinition>();
  readonly #shelves = new WeakMap<VolumeSpec, Map<string, Shelf>>();
  #nextSweep = FIRST_SWEEP;

  /** The first of all equal definitions that are in use. */
  sharedDefinition(definition: VolumeDefinition): VolumeDefinition {
    if (this.#shared.has(definition)) return definition;
    const key = hash('sha256', JSON.stringify(definitionToJson(definition)), 'base64');
    const known = this.#definitions.get(key)?.deref();
    if (known !== undefined) return known;
    this.#definitions.set(key, new WeakRef(definition));
    this.#shared.add(definition);
    if (this.#definitions.size >= this.#nextSweep) this.#sweep();
    return definition;
  }

  /** Undefined for a spec that takes anything from the pod, the request or an issuer. */
  shelfOf(spec: VolumeSpec, namespace: string, mountGroup: number | undefined): Shelf | undefined {
    let shelves = this.#shelves.get(spec);
    if (shelves === undefined) {
      if (!spec.sources.every(({ kind }) => kind === 'secret' || kind === 'configMap')) return undefined;
      shelves = new Map();
      this.#shelves.set(spec, shelves);
    }
    const key = `${mountGroup ?? ''} ${namespace}`;
    let shelf = shelves.get(key);
    if (shelf === undefined) {
      const [oldest] = shelves.size < MAX_SHELVES ? [] : shelves.keys();
      if (oldest !== undefined) shelves.delete(oldest);
      const needed = objectRefsOf(spec, namespace);
      shelf = { needed, refs: needed.map(({ ref }) => ref), last: undefined };
      shelves.set(key, shelf);
    }
    return shelf;
  }

  #sweep(): void {
    for (const [key, known] of this.#definitions) if (known.deref() === undefined) this.#definitions.delete(key);
    this.#nextSweep = Math.max(FIRST_SWEEP, 2 * this.#definitions.size);
  }
}

/** The shelf's rendering, if it was made in this store of the objects at these revisions, by `refKey`. */
export function findRendering(
  { last }: Shelf,
  storeId: string,
  revisionOf: (key: string) => number | null | undefined,
): Rendering | undefined {
  if (last === undefined || last.provenance.storeId !== storeId) return undefined;
  for (const [key, revision] of last.provenance.objects) if (revisionOf(key) !== revision) return undefined;
  const payload = last.payload.deref();
  return payload && { payload, provenance: last.provenance, notices: last.notices };
}

export function keepRendering(shelf: Shelf, { payload, provenance, notices }: Rendering): void {
  shelf.last = { payload: new WeakRef(payload), provenance, notices };
}

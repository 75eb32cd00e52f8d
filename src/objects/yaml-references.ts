import { type Document, isAlias, isMap, isScalar, isSeq, type YAMLMap } from 'yaml';
import { MAX_ALIASES, type YamlProblem } from './yaml-problems.ts';

/** What a node holds, with everything that aliases repeat: nodes, and characters of keys and values. */
export type Size = { readonly nodes: number; readonly characters: number };

const NONE: Size = { nodes: 0, characters: 0 };

/**
 * What the composer does not look for in a document without errors: aliases that lead nowhere or into themselves, too
 * many of them, and repeated keys, in linear time; and how large the document is. It recurses as deep as collections are nested.
 */
export function checkReferences(document: Document.Parsed): {
  readonly problems: readonly YamlProblem[];
  readonly size: Size;
} {
  const check = new ReferenceCheck();
  const size = check.sizeOf(document.contents);
  return { problems: check.problems, size };
}

class ReferenceCheck {
  readonly problems: YamlProblem[] = [];
  /** Of what each anchor names; `inside` while that is being looked at. */
  readonly #anchors = new Map<string, Size | 'inside'>();
  #aliases = 0;

  sizeOf(node: unknown): Size {
    if (isAlias(node)) return this.#sizeOfAlias(node.source, node.range?.[0] ?? 0);
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
    if (anchor !== undefined) this.#anchors.set(anchor, 'inside');
    const size = this.#sizeOfContents(node);
    if (anchor !== undefined) this.#anchors.set(anchor, size);
    return size;
  }

  #sizeOfContents(node: unknown): Size {
    if (isSeq(node)) return this.#sum(node.items);
    if (isMap(node)) {
      this.#noteRepeatedKeys(node);
      return this.#sum(node.items.flatMap(({ key, value }) => [key, value]));
    }
    if (!isScalar(node)) return NONE;
    return { nodes: 1, characters: typeof node.value === 'string' ? node.value.length : 0 };
  }

  #sum(children: readonly unknown[]): Size {
    let nodes = 1;
    let characters = 0;
    for (const child of children) {
      const size = this.sizeOf(child);
      nodes += size.nodes;
      characters += size.characters;
    }
    return { nodes, characters };
  }

  #sizeOfAlias(name: string, offset: number): Size {
    this.#aliases++;
    if (this.#aliases === MAX_ALIASES + 1) this.problems.push({ offset, code: 'TOO_MANY_ALIASES' });
    const size = this.#anchors.get(name);
    if (size !== undefined && size !== 'inside') return size;
    if (this.#aliases <= MAX_ALIASES) this.problems.push({ offset, code: 'BAD_ALIAS_TARGET' });
    return NONE;
  }

  #noteRepeatedKeys(map: YAMLMap): void {
    const seen = new Set<string>();
    for (const { key } of map.items) {
      const name = isScalar(key) ? String(key.value) : '';
      if (seen.has(name) && isScalar(key)) this.problems.push({ offset: key.range?.[0] ?? 0, code: 'DUPLICATE_KEY' });
      seen.add(name);
    }
  }
}

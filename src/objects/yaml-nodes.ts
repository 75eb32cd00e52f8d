/** How many lexemes (blanks, line ends and comments among them) a node may come with. */
const MOST_LEXEMES_PER_NODE = 8;

/** A document has a schema of its own, of some 30 KB. */
const NODES_PER_DOCUMENT = 100;

/**
 * Counts the nodes of a YAML text from its lexemes, before anything is made of them: never fewer than two thirds of what
 * the composer will make; a text or a flow collection on the line after its key counts twice. Blank lines and comments take memory too, so there is a limit for
 * lexemes of any kind.
 */
export class NodeCounter {
  readonly #most: number;
  #nodes = 0;
  #lexemes = 0;
  #flowDepth = 0;
  /** What stands before a value that has not come yet: if it is null or a block collection, nothing else tells of it. */
  #awaits: 'nothing' | 'block value' | 'flow value' = 'nothing';
  #isScalarNext = false;

  constructor(most: number) {
    this.#most = most;
  }

  /** Whether there are too many by now. */
  add(lexeme: string): boolean {
    this.#lexemes++;
    if (this.#isScalarNext) this.#isScalarNext = false;
    else this.#count(lexeme);
    return this.#nodes > this.#most || this.#lexemes > MOST_LEXEMES_PER_NODE * this.#most;
  }

  #count(lexeme: string): void {
    if (lexeme === '---') this.#nodes += NODES_PER_DOCUMENT;
    else this.#countSign(lexeme);
  }

  #countSign(lexeme: string): void {
    switch (lexeme.charAt(0)) {
      case ' ':
      case '\t':
      case '#':
      // The library's mark where a document begins.
      case '\u0002':
        return;
      case '\n':
      case '\r':
        if (this.#awaits === 'block value') this.#countValue();
        return;
      // The library's mark before the text of a scalar.
      case '\u001f':
        this.#isScalarNext = true;
        this.#countValue();
        return;
      case '"':
      case "'":
      case '*':
        this.#countValue();
        return;
      case '|':
      case '>':
        this.#awaits = 'nothing';
        return;
      case '-':
      case '?':
      case ':':
        this.#awaitValue(this.#flowDepth > 0 ? 'flow value' : 'block value');
        return;
      case ',':
        this.#awaitValue('flow value');
        return;
      case ']':
      case '}':
        // One without a beginning is an error, which takes memory like a node.
        if (this.#awaits !== 'nothing' || this.#flowDepth === 0) this.#countValue();
        this.#flowDepth = Math.max(0, this.#flowDepth - 1);
        return;
      case '[':
      case '{':
        this.#flowDepth++;
        this.#countValue();
        return;
      // Anchors, tags, directives, and what is an error.
      default:
        this.#nodes++;
    }
  }

  #awaitValue(kind: 'block value' | 'flow value'): void {
    if (this.#awaits !== 'nothing') this.#nodes++;
    this.#awaits = kind;
  }

  #countValue(): void {
    this.#nodes++;
    this.#awaits = 'nothing';
  }
}

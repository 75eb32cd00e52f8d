import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  type YAMLMap,
} from 'yaml';
import type { Fault } from '../../base/errors.ts';
import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import { jsonProblem } from '../bounded-json.ts';
import { TEXT_LIMITS, type TextLimits, tooLarge, tooManyNodes } from '../text-limits.ts';
import {
  kubernetesYaml,
  MAX_ALIASES,
  MEANINGS,
  type ProblemCode,
  problemsOf,
  type YamlProblem,
} from './yaml-schema.ts';

/** The composer recurses: at some 20,000 levels its stack overflow makes V8 abort the process uncatchably. */
const MAX_DEPTH = 200;
/** A collection takes at most two places on the parser's stack. */
const MAX_PARSER_STACK = 2 * MAX_DEPTH;
/** The limit for repetitions of one anchor's contents, including nested ones. */
const MAX_ALIAS_COUNT = 100;
const MAX_FAULTS = 10;
/** Per document and kind; further problems are not counted. */
const MAX_PROBLEMS = 10_000;
const EXPANDS = 'aliases (*name) expand to too much, or a merge key (<<) has no mapping';

type YamlOptions = {
  /** The number of the first line. Default: 1. */
  readonly firstLine?: number;
  /** If set, whole numbers that a double cannot hold become bigints, else the nearest double. */
  readonly exact?: boolean;
};

type Settings = { readonly limits: TextLimits; readonly firstLine: number; readonly exact: boolean };

/**
 * Reads YAML or JSON like Kubernetes: YAML 1.1 (`0400` is octal, `yes` is true) without times and dates; numbers too
 * large for a double are text; keys are text; an empty document is null. Repeated keys, tags, unbounded aliases and
 * deep nesting are refused. The byte limit is checked before parsing, the node limit before nodes are built. Faults
 * name line and column, from `firstLine`, and never quote the input, which may be secret.
 */
export function parseYamlDocuments(
  text: string,
  limits: TextLimits,
  { firstLine = 1, exact = false }: YamlOptions = {},
): Parsed<unknown[]> {
  const excess = tooLarge(text, limits);
  if (excess !== undefined) return faulty([{ field: '', message: excess }]);
  // A byte order mark may precede every document.
  const source = text.replace(/(^|\n)\uFEFF/g, '$1');
  const settings = { limits, firstLine, exact };
  const json = /^\s*[[{]/.test(source) ? parseJson(source, settings) : undefined;
  return json ?? parseYaml(source, settings);
}

/** Undefined if the text is not JSON: it may be YAML that starts alike, and YAML's faults have a place. */
function parseJson(text: string, { limits, firstLine }: Settings): Parsed<unknown[]> | undefined {
  const problem = jsonProblem(text, { depth: MAX_DEPTH, nodes: limits.nodes });
  // YAML that starts like JSON has fewer nodes than words; its reader counts itself. JSON.parse would round numbers.
  if (problem?.kind === 'too-many-nodes' || problem?.kind === 'inexact-number') return undefined;
  if (problem?.kind === 'too-deep') return jsonFault(text, problem.offset, 'RESOURCE_EXHAUSTION', firstLine);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return problem === undefined ? parsed([value]) : jsonFault(text, problem.offset, 'DUPLICATE_KEY', firstLine);
}

function jsonFault(text: string, offset: number, code: ProblemCode, firstLine: number): Parsed<unknown[]> {
  const before = text.slice(0, offset).split('\n');
  return faulty([faultAt(firstLine + before.length - 1, (before.at(-1)?.length ?? 0) + 1, code)]);
}

function parseYaml(text: string, { limits, firstLine, exact }: Settings): Parsed<unknown[]> {
  const lines = new LineCounter();
  const problems: YamlProblem[] = [];
  const documents: Document.Parsed[] = [];
  let nodes = 0;
  let characters = 0;
  // The composer's check for repeated keys takes quadratic time; checkReferences takes linear time.
  const composer = new Composer({ ...kubernetesYaml(exact), uniqueKeys: false });
  try {
    for (const document of composer.compose(tokensOf(text, limits, lines))) {
      documents.push(document);
      problems.push(...problemsOf(document).slice(0, MAX_PROBLEMS));
      if (document.errors.length > 0) continue;
      const { problems: references, size } = checkReferences(document);
      problems.push(...references.slice(0, MAX_PROBLEMS));
      nodes += size.nodes;
      characters += size.characters;
    }
  } catch (error) {
    if (error instanceof TooManyNodes) return tooManyNodes(limits);
    if (!(error instanceof TooDeep)) throw error;
    problems.push({ offset: error.offset, code: 'RESOURCE_EXHAUSTION' });
  }
  if (problems.length > 0) return faulty(faultsOf(problems, lines, firstLine));
  if (nodes > limits.nodes) return tooManyNodes(limits);
  if (characters > limits.bytes) return faulty([{ field: '', message: EXPANDS }]);
  try {
    return parsed(documents.map((document): unknown => document.toJS({ maxAliasCount: MAX_ALIAS_COUNT })));
  } catch {
    // The library's message may quote the input.
    return faulty([{ field: '', message: EXPANDS }]);
  }
}

class TooDeep extends Error {
  readonly offset: number;

  constructor(offset: number) {
    super('nested too deep');
    this.offset = offset;
  }
}

class TooManyNodes extends Error {}

/** Yields the parser's tokens. Throws TooDeep or TooManyNodes before any token that would overload the composer. */
function* tokensOf(text: string, limits: TextLimits, lines: LineCounter): ReturnType<Parser['parse']> {
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const counter = new NodeCounter(limits.nodes);
  for (const lexeme of new Lexer().lex(text)) {
    if (counter.add(lexeme)) throw new TooManyNodes();
    yield* parser.next(lexeme);
    if (parser.stack.length > MAX_PARSER_STACK) throw new TooDeep(parser.offset);
  }
  yield* parser.end();
}

function faultsOf(problems: readonly YamlProblem[], lines: LineCounter, firstLine: number): Fault[] {
  const faults = problems.slice(0, MAX_FAULTS).map(({ offset, code }) => {
    const { line, col } = lines.linePos(offset);
    return faultAt(firstLine + line - 1, col, code);
  });
  const more = problems.length - faults.length;
  return more > 0 ? [...faults, { field: '', message: `and ${more} more` }] : faults;
}

function faultAt(line: number, column: number, code: ProblemCode): Fault {
  return { field: '', message: `line ${line}, column ${column}: ${MEANINGS[code]}` };
}

/** The limit for lexemes per node, including blanks, line ends and comments. */
const MAX_LEXEMES_PER_NODE = 8;

/** Each document has its own schema of some 30 KB. */
const NODES_PER_DOCUMENT = 100;

/**
 * Counts a YAML text's nodes from its lexemes, before nodes are built: at least two thirds of the composer's; a text or
 * flow collection on the line after its key counts twice. Blank lines and comments take memory too.
 */
class NodeCounter {
  readonly #max: number;
  #nodes = 0;
  #lexemes = 0;
  #flowDepth = 0;
  /** The kind of value that must follow: a null or a block collection has no lexeme of its own. */
  #awaits: 'nothing' | 'block value' | 'flow value' = 'nothing';
  #isScalarNext = false;

  constructor(max: number) {
    this.#max = max;
  }

  add(lexeme: string): boolean {
    this.#lexemes++;
    if (this.#isScalarNext) this.#isScalarNext = false;
    else this.#count(lexeme);
    return this.#nodes > this.#max || this.#lexemes > MAX_LEXEMES_PER_NODE * this.#max;
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
      // The library's mark for the start of a document.
      case '\u0002':
        return;
      case '\n':
      case '\r':
        if (this.#awaits === 'block value') this.#countValue();
        return;
      // The library's mark before a scalar's text.
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
        // An unmatched bracket is an error, which takes memory like a node.
        if (this.#awaits !== 'nothing' || this.#flowDepth === 0) this.#countValue();
        this.#flowDepth = Math.max(0, this.#flowDepth - 1);
        return;
      case '[':
      case '{':
        this.#flowDepth++;
        this.#countValue();
        return;
      // Anchors, tags, directives and errors.
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

/** Includes all repetitions by aliases. `characters` are those of keys and values. */
type Size = { readonly nodes: number; readonly characters: number };

const NONE: Size = { nodes: 0, characters: 0 };

/** Finds what the composer does not: bad or too many aliases, repeated keys. Linear; recursion as deep as nesting. */
function checkReferences(document: Document.Parsed): {
  readonly problems: readonly YamlProblem[];
  readonly size: Size;
} {
  const check = new ReferenceCheck();
  const size = check.sizeOf(document.contents);
  return { problems: check.problems, size };
}

class ReferenceCheck {
  readonly problems: YamlProblem[] = [];
  /** The size of each anchored node; `inside` during its computation. */
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

/** Reads the spec of a ProjectedVolume from a message's text. `parseVolumeSource` checks it. */
export function parseSpecText(text: string, limits: TextLimits = TEXT_LIMITS.spec): Parsed<unknown> {
  const refuse = (message: string) => faulty<unknown>([{ field: 'object.projected_volume.spec_json', message }]);
  const documents = parseYamlDocuments(text, limits);
  if (!documents.ok) return refuse(documents.faults.map(({ message }) => message).join('; '));
  const [spec, ...more] = documents.value;
  return more.length > 0 ? refuse('must be one document') : parsed(spec);
}

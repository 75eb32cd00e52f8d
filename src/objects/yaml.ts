import { Composer, type Document, Lexer, LineCounter, Parser } from 'yaml';
import type { Fault } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { jsonProblem } from './json-problem.ts';
import { type TextLimits, tooLarge, tooManyNodes } from './text-limits.ts';
import { NodeCounter } from './yaml-nodes.ts';
import { MEANINGS, type ProblemCode, problemsOf, type YamlProblem } from './yaml-problems.ts';
import { checkReferences } from './yaml-references.ts';
import { kubernetesYaml } from './yaml-schema.ts';

/**
 * Collections inside each other. Far more than any manifest has, and far less than what overflows the stack of the
 * composer, which recurses: at some 20,000 V8 aborts the whole process, without an error that could be caught.
 */
const MAX_DEPTH = 200;
/** Every collection takes at most two places on the parser's stack. */
const MAX_PARSER_STACK = 2 * MAX_DEPTH;
/** How often what one anchor names may be repeated, with what is nested in it. */
const MAX_ALIAS_COUNT = 100;
const MAX_FAULTS = 10;
/** Of one document and kind; more are not even counted. */
const MAX_PROBLEMS = 10_000;
const EXPANDS = 'aliases (*name) expand to too much, or a merge key (<<) has no mapping';

export type YamlOptions = {
  /** What the first line is counted as; 1 unless said. */
  readonly firstLine?: number;
  /** Whether whole numbers that a double cannot hold are bigints rather than the nearest double. */
  readonly exact?: boolean;
};

type Settings = { readonly limits: TextLimits; readonly firstLine: number; readonly exact: boolean };

/**
 * The documents of a YAML or JSON text, as Kubernetes reads them: YAML 1.1 (`0400` is octal, `yes` is true) without
 * times and dates; numbers too large for a double are text; keys are always text; an empty document is null. Repeated keys, tags, aliases that
 * expand without bound and nesting beyond some hundred levels are refused; so are more bytes than `limits` allow, before
 * anything is parsed, and more nodes, before anything is made of them. Faults name line and column, counted from
 * `firstLine`, and never quote the input, because it may be a secret.
 */
export function parseYamlDocuments(
  text: string,
  limits: TextLimits,
  { firstLine = 1, exact = false }: YamlOptions = {},
): Parsed<unknown[]> {
  const excess = tooLarge(text, limits);
  if (excess !== undefined) return faulty([{ field: '', message: excess }]);
  // A byte order mark may stand before every document.
  const source = text.replace(/(^|\n)\uFEFF/g, '$1');
  const settings = { limits, firstLine, exact };
  const json = /^\s*[[{]/.test(source) ? parseJson(source, settings) : undefined;
  return json ?? parseYaml(source, settings);
}

/** Undefined when the text is not JSON: it may still be YAML that starts alike, and YAML's faults have a place. */
function parseJson(text: string, { limits, firstLine }: Settings): Parsed<unknown[]> | undefined {
  const problem = jsonProblem(text, { depth: MAX_DEPTH, nodes: limits.nodes });
  // In YAML that only starts like JSON, words are no nodes: that reader counts for itself. JSON.parse would round.
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
  // The composer looks for repeated keys in quadratic time; checkReferences does it in linear time.
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
    // The library's message is dropped: it may quote the input.
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

/** The parser's tokens; throws TooDeep or TooManyNodes before any comes out that the composer could not take. */
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

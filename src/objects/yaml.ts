import { Composer, type Document, Lexer, LineCounter, Parser } from 'yaml';
import type { Fault } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { jsonProblem } from './json-problem.ts';
import { MEANINGS, type ProblemCode, problemsOf, type YamlProblem } from './yaml-problems.ts';
import { KUBERNETES_YAML } from './yaml-schema.ts';

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

/**
 * The documents of a YAML or JSON text, as Kubernetes reads them: YAML 1.1 (`0400` is octal, `yes` is true) without
 * times, dates and binaries; keys are always text; an empty document is null. Repeated keys, tags, aliases that
 * expand without bound and nesting beyond some hundred levels are refused. Faults name line and column and never quote the input,
 * because it may be a secret.
 */
export function parseYamlDocuments(text: string): Parsed<unknown[]> {
  const source = text.replace(/^\uFEFF/, '');
  const json = /^\s*[[{]/.test(source) ? parseJson(source) : undefined;
  return json ?? parseYaml(source);
}

/** Undefined when the text is not JSON: it may still be YAML that starts alike, and YAML's faults have a place. */
function parseJson(text: string): Parsed<unknown[]> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const problem = jsonProblem(text, MAX_DEPTH);
  if (problem === undefined) return parsed([value]);
  const before = text.slice(0, problem.offset).split('\n');
  const code = problem.kind === 'too-deep' ? 'RESOURCE_EXHAUSTION' : 'DUPLICATE_KEY';
  return faulty([faultAt(before.length, (before.at(-1)?.length ?? 0) + 1, code)]);
}

function parseYaml(text: string): Parsed<unknown[]> {
  const lines = new LineCounter();
  const problems: YamlProblem[] = [];
  const documents: Document.Parsed[] = [];
  // The composer looks for repeated keys in quadratic time; problemsOf does it in linear time.
  const composer = new Composer({ ...KUBERNETES_YAML, uniqueKeys: false });
  try {
    for (const document of composer.compose(tokensOf(text, lines))) {
      documents.push(document);
      problems.push(...problemsOf(document));
    }
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    problems.push({ offset: error.offset, code: 'RESOURCE_EXHAUSTION' });
  }
  if (problems.length > 0) return faulty(faultsOf(problems, lines));
  try {
    return parsed(documents.map((document): unknown => document.toJS({ maxAliasCount: MAX_ALIAS_COUNT })));
  } catch {
    // The library's message is dropped: it may quote the input.
    return faulty([{ field: '', message: 'aliases (*name) expand to too much, or a merge key (<<) has no mapping' }]);
  }
}

class TooDeep extends Error {
  readonly offset: number;

  constructor(offset: number) {
    super('nested too deep');
    this.offset = offset;
  }
}

/** The parser's tokens; throws TooDeep before any that is nested too deep for the composer comes out. */
function* tokensOf(text: string, lines: LineCounter): ReturnType<Parser['parse']> {
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    if (parser.stack.length > MAX_PARSER_STACK) throw new TooDeep(parser.offset);
  }
  yield* parser.end();
}

function faultsOf(problems: readonly YamlProblem[], lines: LineCounter): Fault[] {
  const faults = problems.slice(0, MAX_FAULTS).map(({ offset, code }) => {
    const { line, col } = lines.linePos(offset);
    return faultAt(line, col, code);
  });
  const more = problems.length - faults.length;
  return more > 0 ? [...faults, { field: '', message: `and ${more} more` }] : faults;
}

function faultAt(line: number, column: number, code: ProblemCode): Fault {
  return { field: '', message: `line ${line}, column ${column}: ${MEANINGS[code]}` };
}

import type { Fault } from '../../base/errors.ts';
import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import type { JsonPath, JsonPathTemplate, PathStep, TemplatePart } from './json-path.ts';

/** `.name`, with a backslash before what would end the name; `.*`; a lone `.`, which adds nothing. */
const DOTTED = String.raw`\.(?:\*|(?:\\.|[^\s.,[\]$@{}()?*:"'\\])+|(?=[\s}[]|$))`;
/** `[0]`, `[-1]`, `[*]`, `['a.key']`. */
const BRACKETED = String.raw`\[\s*(?:\*|-?\d{1,9}|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*\]`;
const STEP = new RegExp(`${DOTTED}|${BRACKETED}`, 'gs');
const PATH = `(?:[$@](?:${DOTTED}|${BRACKETED})*|(?:${DOTTED}|${BRACKETED})+)`;

/** What may stand between braces. */
const END = /\{\s*end\s*\}/y;
const QUOTED = /\{\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*\}/sy;
const ACTION = new RegExp(String.raw`\{\s*(range\s+)?(${PATH})\s*\}`, 'sy');
/** To the end of what was probably meant as one. */
const ANYTHING = /\{[^}]*\}?/y;

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

const KNOWN = String.raw`known are {.a.b}, {.a\.b}, {['a.b']}, {.a[0]}, {.a[*]}, {range .a[*]}…{end} and {"\n"}`;

/** Parts as they are collected: those of the template, or of a range that has not ended yet. */
type Open = { readonly path: JsonPath | undefined; readonly parts: TemplatePart[] };

/**
 * A template of kubectl's `-o jsonpath`: text, paths, texts in quotes and ranges. Unlike kubectl's, a quoted key in
 * brackets is one key with or without backslashes. Filters, slices, unions and `..` are faults, each named.
 */
export function parseJsonPath(template: string, field: string): Parsed<JsonPathTemplate> {
  const faults: Fault[] = [];
  const top: Open = { path: undefined, parts: [] };
  const ranges: Open[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(template);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  if (!template.includes('{')) faults.push({ field, message: `has no {…}; ${KNOWN}` });
  while (at < template.length) {
    const { parts } = ranges.at(-1) ?? top;
    const brace = template.indexOf('{', at);
    const text = template.slice(at, brace < 0 ? undefined : brace);
    at += text.length;
    if (text !== '') parts.push({ kind: 'text', text });
    if (brace < 0) break;
    const quoted = take(QUOTED);
    if (quoted !== null) {
      parts.push({ kind: 'text', text: unescaped(quoted[1] ?? quoted[2] ?? '') });
    } else if (take(END) !== null) {
      const range = ranges.pop();
      if (range?.path === undefined) faults.push({ field, message: '{end} has no {range …} before it' });
      else (ranges.at(-1) ?? top).parts.push({ kind: 'range', path: range.path, body: range.parts });
    } else {
      const action = take(ACTION);
      const path = { source: action?.[2] ?? '', steps: stepsOf(action?.[2] ?? '') };
      if (action === null) faults.push({ field, message: refusalOf(take(ANYTHING)?.[0] ?? '') });
      else if (action[1] !== undefined) ranges.push({ path, parts: [] });
      else parts.push({ kind: 'path', path });
    }
  }
  for (const { path } of ranges) faults.push({ field, message: `{range ${path?.source}} has no {end}` });
  return faults.length > 0 ? faulty(faults) : parsed({ parts: top.parts });
}

function stepsOf(path: string): PathStep[] {
  const steps = path.match(STEP) ?? [];
  return steps.filter((step) => step !== '.').map(stepOf);
}

function stepOf(step: string): PathStep {
  const inside = step.startsWith('[') ? step.slice(1, -1).trim() : step.slice(1);
  if (inside === '*') return { kind: 'every' };
  if (step.startsWith('.')) return { kind: 'field', name: unescaped(inside, {}) };
  if (/^["']/.test(inside)) return { kind: 'field', name: unescaped(inside.slice(1, -1), {}) };
  return { kind: 'index', index: Number(inside) };
}

/** A backslash makes the next character mean itself, or what `escapes` says. */
function unescaped(text: string, escapes = ESCAPES): string {
  return text.replace(/\\(.)/gs, (_, character: string) => escapes[character] ?? character);
}

/** Why it cannot be understood, as far as that can be guessed. */
function refusalOf(action: string): string {
  const refuse = (what: string) => `"${action}" ${what}; ${KNOWN}`;
  if (!action.endsWith('}')) return refuse('has no closing brace');
  if (action.includes('?(')) return refuse('is a filter, which is not known here');
  if (action.includes('..')) return refuse('goes down with "..", which is not known here');
  if (/\[[^[\]:]*:/.test(action)) return refuse('is a slice, which is not known here');
  if (/\[[^[\],]*,/.test(action)) return refuse('is a union, which is not known here');
  return refuse('is not understood');
}

import { isFields } from '../../base/parsed.ts';

/**
 * Prints JSON values (and bigints) as YAML that every reader of YAML 1.1 or 1.2, Go's among them, reads back unchanged:
 * text that one of them could misread is in double quotes. As in kubectl's output keys are sorted, lists are not
 * indented below their key, and nothing is folded or an alias. No final newline.
 */
export function printYaml(value: unknown): string {
  const lines: string[] = [];
  printNode(value, { lead: '', indent: '', isTop: true }, lines);
  return lines.join('\n');
}

type Place = {
  /** The beginning of the line: `key:`, `-`, or nothing. */
  readonly lead: string;
  /** The indentation of the collection that contains the value. */
  readonly indent: string;
  readonly isTop?: boolean;
};

function printNode(value: unknown, { lead, indent, isTop = false }: Place, lines: string[]): void {
  const isItem = lead.endsWith('-');
  const beside = lead === '' ? '' : `${lead} `;
  if (Array.isArray(value) && value.length > 0) {
    if (lead !== '' && !isItem) lines.push(lead);
    const own = isItem ? `${indent}  ` : indent;
    for (const [index, each] of value.entries()) {
      const start = isItem && index === 0 ? beside : own;
      printNode(each ?? null, { lead: `${start}-`, indent: own }, lines);
    }
    return;
  }
  const fields = isFields(value) ? fieldsOf(value) : [];
  if (fields.length > 0) {
    if (lead !== '' && !isItem) lines.push(lead);
    const own = isTop ? indent : `${indent}  `;
    for (const [index, [name, held]] of fields.entries()) {
      const start = isItem && index === 0 ? beside : own;
      const key = printText(name);
      // Readers look for the colon of a key without "?" within 1,024 characters only.
      if (key.length <= MAX_KEY) printNode(held, { lead: `${start}${key}:`, indent: own }, lines);
      else {
        lines.push(`${start}? ${key}`);
        printNode(held, { lead: `${own}:`, indent: own }, lines);
      }
    }
    return;
  }
  const block = typeof value === 'string' && !isTop ? printBlock(value, `${indent}  `) : undefined;
  lines.push(
    ...(block === undefined ? [`${beside}${printScalar(value)}`] : [`${beside}${block.header}`, ...block.lines]),
  );
}

const MAX_KEY = 1000;

/** Sorted by name. As in JSON, undefined fields are omitted. */
function fieldsOf(value: Readonly<Record<string, unknown>>): [string, unknown][] {
  const present = Object.entries(value).filter(([, held]) => held !== undefined);
  return present.sort(([a], [b]) => (a < b ? -1 : 1));
}

function printScalar(value: unknown): string {
  if (typeof value === 'string') return printText(value);
  if (typeof value === 'number') return printNumber(value);
  if (Array.isArray(value)) return '[]';
  return isFields(value) ? '{}' : String(value ?? null);
}

function printNumber(value: number): string {
  if (Number.isNaN(value)) return '.nan';
  if (!Number.isFinite(value)) return value < 0 ? '-.inf' : '.inf';
  // In YAML 1.1 a number with an exponent needs a dot.
  return String(value).replace(/^(-?\d+)e/, '$1.0e');
}

/** Characters that every reader takes for text: no blanks except spaces, no `: ` or ` #`. */
const PLAIN = /^[\p{L}\p{N}_./+$(](?:[\p{L}\p{M}\p{N}\p{P}\p{S} ]*[\p{L}\p{M}\p{N}\p{P}\p{S}])?$/u;
const NOT_PLAIN = /:(?: |$)| #|^\.\.\./;
/** Numbers, dates and times in the notation of any reader, and similar text. */
const NUMBER_LIKE =
  /^[-+.]*[0-9](?:[0-9a-f_.,:+-]|[xobt zi](?=[0-9a-f_.:+-]|$))*$|^[-+.]*(?:inf(?:inity)?|nan)$|^[-+._]*(?:e[-+]?[0-9]+)?$/i;
const WORD_LIKE = /^(?:y|n|yes|no|on|off|true|false|null|~|=|<<)$/i;

/** Plain if that is safe, otherwise in double quotes. */
function printText(text: string): string {
  const isPlain =
    PLAIN.test(text) &&
    !NOT_PLAIN.test(text) &&
    !MUST_ESCAPE.test(text) &&
    !NUMBER_LIKE.test(text) &&
    !WORD_LIKE.test(text);
  return isPlain ? text : quote(text);
}

/** Some reader refuses or changes these, or takes them for a line end. Bidirectional marks disguise text. */
const MUST_ESCAPE =
  /[\p{Cc}\p{Cs}\u2028\u2029\uFEFF\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\uFDD0-\uFDEF\uFFF9-\uFFFB\uFFFE\uFFFF]/u;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r', '"': '\\"', '\\': '\\\\' };

function quote(text: string): string {
  // A lone surrogate becomes U+FFFD, as in UTF-8.
  const escaped = text.replace(new RegExp(`["\\\\]|${MUST_ESCAPE.source}`, 'gu'), (character) => {
    const code = /\p{Cs}/u.test(character) ? 0xfffd : (character.codePointAt(0) ?? 0);
    return SHORT[character] ?? (code < 0x100 ? `\\x${hexadecimal(code, 2)}` : `\\u${hexadecimal(code, 4)}`);
  });
  return `"${escaped}"`;
}

function hexadecimal(code: number, digits: number): string {
  return code.toString(16).toUpperCase().padStart(digits, '0');
}

/** A literal block (`|`). Undefined if a reader, or an editor that trims lines, could change the text. */
function printBlock(text: string, indent: string): { header: string; lines: string[] } | undefined {
  if (!/^[^ \t\n][\s\S]*\n/.test(text) || /^[ \t]+$|[ \t]+$/m.test(text)) return undefined;
  if (MUST_ESCAPE.test(text.replace(/[\n\t]/g, ''))) return undefined;
  const [, body = '', ends = ''] = /^([\s\S]*?)(\n*)$/.exec(text) ?? [];
  const chomping = ends === '' ? '-' : ends === '\n' ? '' : '+';
  const blanks = Array.from({ length: Math.max(0, ends.length - 1) }, () => '');
  const lines = body.split('\n').map((line) => (line === '' ? '' : `${indent}${line}`));
  return { header: `|${chomping}`, lines: [...lines, ...blanks] };
}

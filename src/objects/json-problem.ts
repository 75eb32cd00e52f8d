/** What JSON.parse lets pass and a manifest must not have, and where: an offset in characters. */
export type JsonProblem = { readonly kind: 'repeated-key' | 'too-deep'; readonly offset: number };

/** The first problem in a text that is valid JSON already. Linear, and without recursion. */
export function jsonProblem(text: string, maxDepth: number): JsonProblem | undefined {
  const open: Set<string>[] = [];
  const token = /["[\]{}]/g;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const offset = match.index;
    if (match[0] === '"') {
      token.lastIndex = endOfString(text, offset);
      const key = keyAt(text, offset, token.lastIndex);
      const keys = open.at(-1);
      if (key === undefined || keys === undefined) continue;
      if (keys.has(key)) return { kind: 'repeated-key', offset };
      keys.add(key);
    } else if (match[0] === '{' || match[0] === '[') {
      if (open.push(new Set()) > maxDepth) return { kind: 'too-deep', offset };
    } else {
      open.pop();
    }
  }
  return undefined;
}

/** The offset after the closing quote. One regular expression for a whole string would overflow V8's stack. */
function endOfString(text: string, start: number): number {
  const special = /["\\]/g;
  special.lastIndex = start + 1;
  for (let match = special.exec(text); match !== null; match = special.exec(text)) {
    if (match[0] === '"') return special.lastIndex;
    special.lastIndex++;
  }
  return text.length;
}

/** The string between the offsets, if it is a key: if a colon follows. */
function keyAt(text: string, start: number, end: number): string | undefined {
  const colon = /\s*:/y;
  colon.lastIndex = end;
  return colon.test(text) ? String(JSON.parse(text.slice(start, end))) : undefined;
}

import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { jsonProblem } from './json-problem.ts';

/** `nodes` are keys, values, lists and mappings. */
export type JsonLimits = { readonly bytes: number; readonly nodes: number };

const MAX_DEPTH = 200;

/**
 * The value of a JSON text (UTF-8). One that is over a limit is not parsed, and is as little JSON as any other that is
 * malformed. The parser's own words quote its input, so they are never passed on.
 */
export function parseBoundedJson(given: string | Uint8Array, { bytes, nodes }: JsonLimits): Parsed<unknown> {
  try {
    if (Buffer.byteLength(given) > bytes) return faulty([{ field: '', message: `has more than ${bytes} bytes` }]);
    const text = typeof given === 'string' ? given : new TextDecoder('utf-8', { fatal: true }).decode(given);
    const problem = jsonProblem(text, { depth: MAX_DEPTH, nodes });
    if (problem?.kind === 'too-many-nodes') return faulty([{ field: '', message: `has more than ${nodes} values` }]);
    if (problem?.kind === 'too-deep') return faulty([{ field: '', message: 'is nested too deep' }]);
    return parsed(JSON.parse(text));
  } catch {
    return faulty([{ field: '', message: 'is not JSON' }]);
  }
}

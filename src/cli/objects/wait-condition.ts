import { faulty, isFields, type Parsed, parsed } from '../../base/parsed.ts';
import { type JsonPath, valuesAt } from '../output/json-path.ts';
import { parseRelaxedPath } from '../output/parse-json-path.ts';

/** Of `lantern wait`. Without a value, a path waits for any. */
export type WaitCondition =
  | { readonly kind: 'create' | 'delete' }
  | { readonly kind: 'state'; readonly state: string; readonly isWanted: boolean }
  | { readonly kind: 'jsonpath'; readonly path: JsonPath; readonly value: string | undefined };

const STATES = ['ready', 'stale', 'degraded'];
const KNOWN = 'known are create, delete, condition=Ready and jsonpath={.metadata.labels.tier}=db';

export function parseWaitCondition(text: string, field: string): Parsed<WaitCondition> {
  if (text === 'create' || text === 'delete') return parsed({ kind: text });
  const [, state = '', wanted = 'true'] = /^condition=([a-z]+)(?:=(true|false))?$/i.exec(text) ?? [];
  if (STATES.includes(state.toLowerCase())) {
    return parsed({ kind: 'state', state: state.toUpperCase(), isWanted: wanted.toLowerCase() === 'true' });
  }
  const [, path, value] = /^jsonpath=(\{.*\}|[^{=]+)(?:=(.*))?$/s.exec(text) ?? [];
  if (path === undefined) return faulty([{ field, message: `"${text}" is not understood; ${KNOWN}` }]);
  const result = parseRelaxedPath(path, field);
  return result.ok ? parsed({ kind: 'jsonpath', path: result.value, value }) : result;
}

/** `subject`: as JSON; undefined if it does not exist. Errors as `renderJsonPath`. */
export function isMet(condition: WaitCondition, subject: unknown): boolean {
  switch (condition.kind) {
    case 'create':
      return subject !== undefined;
    case 'delete':
      return subject === undefined;
    case 'state':
      return isFields(subject) && (subject.state === condition.state) === condition.isWanted;
    case 'jsonpath': {
      const values = valuesAt(condition.path, subject);
      if (condition.value === undefined) return values.length > 0;
      return values.length === 1 && String(values[0]) === condition.value;
    }
  }
}

import type { Fault } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/**
 * The rule for variable names. `strict` is apimachinery's `IsEnvVarName`; `relaxed`, its `IsRelaxedEnvVarName`, accepts
 * more and is Kubernetes' rule since 1.32 (RelaxedEnvironmentVariableValidation).
 */
export type EnvNameRule = 'strict' | 'relaxed';

const STRICT = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/;
const RELAXED = /^[\x20-\x3c\x3e-\x7e]+$/;

export function parseEnvName(text: string, field: string, rule: EnvNameRule = 'strict'): Parsed<string> {
  const refuse = (message: string): Parsed<string> => faulty([{ field, message }]);
  if (text === '') return refuse('must not be empty');
  if (rule === 'relaxed') {
    return RELAXED.test(text) ? parsed(text) : refuse("must have printable ASCII characters other than '=' only");
  }
  if (!STRICT.test(text)) {
    return refuse("must have letters, digits, '-', '_' and '.' only, and not start with a digit");
  }
  if (text === '.') return refuse("must not be '.'");
  if (text.startsWith('..')) return refuse("must not start with '..'");
  return parsed(text);
}

type EnvEntry = readonly [key: string, value: string];

/**
 * Reads an environment file like `kubectl create --from-env-file`. Values are literal; a name alone gets its value from
 * `environment`, else an empty one. Faults name the line and do not quote it.
 */
export function parseEnvFile(
  bytes: Uint8Array,
  environment: Readonly<Record<string, string | undefined>>,
): Parsed<EnvEntry[]> {
  const entries: EnvEntry[] = [];
  const faults: Fault[] = [];
  let text: string;
  try {
    // The decoder drops a byte order mark.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return faulty([{ field: '', message: 'must be UTF-8 text' }]);
  }
  // Like Go's line scanner, which drops a CR before a newline or at the end.
  for (const [index, written] of text.split(/\r?\n|\r$/).entries()) {
    const line = written.trimStart();
    if (line === '' || line.startsWith('#')) continue;
    const at = line.indexOf('=');
    const key = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? (environment[key] ?? '') : line.slice(at + 1);
    const problem = problemOfEntry(key, at < 0 ? value : '');
    if (problem === undefined) entries.push([key, value]);
    else faults.push({ field: `line ${index + 1}`, message: problem });
  }
  return faults.length > 0 ? faulty(faults) : parsed(entries);
}

/** `inherited` is a value from the environment, in which Node replaces bytes that are not UTF-8 by U+FFFD. */
function problemOfEntry(key: string, inherited: string): string | undefined {
  if (/^export\s/.test(key)) return 'must not begin with "export", which belongs to a shell; leave it out';
  if (!parseEnvName(key, '').ok) return NAME_RULE;
  return inherited.includes('\uFFFD') ? 'takes a value from the environment that is not UTF-8' : undefined;
}

const NAME_RULE =
  "must start with the name of a variable: letters, digits, '-', '_' and '.', neither a digit first nor '..'";

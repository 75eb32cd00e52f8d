import type { Fault } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/**
 * Which names environment variables may have. `strict`: letters, digits, `-`, `_` and `.`, no digit first, as
 * apimachinery's `IsEnvVarName` has it. `relaxed`: printable ASCII but `=`, as its `IsRelaxedEnvVarName`, which is the
 * rule of Kubernetes from 1.32 on (RelaxedEnvironmentVariableValidation). Whatever `strict` takes, `relaxed` takes too.
 */
export type EnvNameRule = 'strict' | 'relaxed';

const STRICT = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/;
const RELAXED = /^[\x20-\x3c\x3e-\x7e]+$/;

/** The name of an environment variable. */
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

/** One `KEY=VALUE` of an environment file. */
type EnvEntry = readonly [key: string, value: string];

/**
 * The entries of an environment file in order, as `kubectl create --from-env-file` reads them: a line each, blanks
 * before it dropped, empty lines and those that start with `#` skipped, everything behind the first `=` taken as it
 * stands. A name alone takes its value from `environment`, or is empty. Faults name the line and do not quote it.
 */
export function parseEnvFile(
  bytes: Uint8Array,
  environment: Readonly<Record<string, string | undefined>>,
): Parsed<EnvEntry[]> {
  const entries: EnvEntry[] = [];
  const faults: Fault[] = [];
  let text: string;
  try {
    // A byte order mark is dropped by the decoder.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return faulty([{ field: '', message: 'must be UTF-8 text' }]);
  }
  // As Go's scanner of lines has it: a CR goes before a newline, and at the end.
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

/** `inherited`: what came from the environment, where Node puts U+FFFD for bytes that are not UTF-8. */
function problemOfEntry(key: string, inherited: string): string | undefined {
  if (/^export\s/.test(key)) return 'must not begin with "export", which belongs to a shell; leave it out';
  if (!parseEnvName(key, '').ok) return NAME_RULE;
  return inherited.includes('\uFFFD') ? 'takes a value from the environment that is not UTF-8' : undefined;
}

const NAME_RULE =
  "must start with the name of a variable: letters, digits, '-', '_' and '.', neither a digit first nor '..'";

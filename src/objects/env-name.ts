import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/**
 * Which names environment variables may have. `strict`: letters, digits, `-`, `_` and `.`, no digit first, as apimachinery's
 * `IsEnvVarName` has it. `relaxed`: printable ASCII but `=`, as its `IsRelaxedEnvVarName`, which is the rule of Kubernetes
 * from 1.32 on (RelaxedEnvironmentVariableValidation). Whatever `strict` takes, `relaxed` takes too.
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

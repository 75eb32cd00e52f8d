import { faulty, type Parsed, parsed } from '../base/parsed.ts';

const ENV_NAME = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/;

/** The name of an environment variable, as apimachinery's `IsEnvVarName` has it. */
export function parseEnvName(text: string, field: string): Parsed<string> {
  if (text === '') return faulty([{ field, message: 'must not be empty' }]);
  if (!ENV_NAME.test(text)) {
    const rule = "must have letters, digits, '-', '_' and '.' only, and not start with a digit";
    return faulty([{ field, message: rule }]);
  }
  if (text === '.') return faulty([{ field, message: "must not be '.'" }]);
  if (text.startsWith('..')) return faulty([{ field, message: "must not start with '..'" }]);
  return parsed(text);
}

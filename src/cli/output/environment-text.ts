import { LanternError } from '../../base/errors.ts';
import { formatJson } from './structured.ts';

export const ENVIRONMENT_FORMATS = ['shell', 'dotenv', 'json', 'null'] as const;
export type EnvironmentFormat = (typeof ENVIRONMENT_FORMATS)[number];

type Variable = { readonly name: string; readonly value: Uint8Array };

/** The format does not allow the names in `leftOut`. */
type EnvironmentText = { readonly bytes: Uint8Array; readonly leftOut: readonly string[] };

/** `failed-precondition` for a value that the format cannot represent. */
export function formatEnvironment(format: EnvironmentFormat, variables: readonly Variable[]): EnvironmentText {
  switch (format) {
    case 'shell':
      return shellText(variables);
    case 'dotenv':
      return dotenvText(variables);
    case 'json':
      return whole(
        Buffer.from(
          `${formatJson(Object.fromEntries(variables.map(({ name, value }) => [name, textOf(name, value, 'json')])))}\n`,
        ),
      );
    case 'null':
      return whole(Buffer.concat(variables.flatMap(({ name, value }) => [Buffer.from(`${name}=`), value, NUL])));
  }
}

const NUL = Buffer.from('\0');

function whole(bytes: Uint8Array): EnvironmentText {
  return { bytes, leftOut: [] };
}

/** POSIX names. In a shell, `export a.b=…` is an error that can end the script. */
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** In single quotes only the quote is special. latin1 maps bytes to characters and back, whatever the encoding. */
function shellText(variables: readonly Variable[]): EnvironmentText {
  const lines = variables.map(({ name, value }) => {
    const text = Buffer.from(value).toString('latin1');
    return SHELL_NAME.test(name) ? `export ${name}='${text.replaceAll("'", "'\\''")}'\n` : '';
  });
  return {
    bytes: Buffer.from(lines.join(''), 'latin1'),
    leftOut: variables.filter(({ name }) => !SHELL_NAME.test(name)).map(({ name }) => name),
  };
}

/** Every reader accepts these names. Some readers truncate others, or lose the lines after them. */
const DOTENV_NAME = /^[\w.-]+$/;

function dotenvText(variables: readonly Variable[]): EnvironmentText {
  const [held, others] = [variables.filter(hasDotenvName), variables.filter((each) => !hasDotenvName(each))];
  return {
    bytes: Buffer.from(held.map((variable) => `${variable.name}=${dotenvValue(variable)}\n`).join('')),
    leftOut: others.map(({ name }) => name),
  };
}

function hasDotenvName({ name }: Variable): boolean {
  return DOTENV_NAME.test(name);
}

/**
 * For Node's `--env-file` and dotenv packages. They know no escaped quotes, so the value gets quotes that it does not
 * contain. Single quotes come first: inside others, some readers replace `$` or `\n`.
 */
function dotenvValue({ name, value }: Variable): string {
  const text = textOf(name, value, 'dotenv');
  if (/^[^\s#'"`$]*$/.test(text)) return text;
  if (text.includes('\r')) throw cannotHold(name, 'dotenv', 'has a carriage return, which its readers change');
  if (text.endsWith('\\')) throw cannotHold(name, 'dotenv', 'needs quotes and ends with a backslash');
  if (!text.includes("'")) return `'${text}'`;
  if (!/["\\$]/.test(text)) return `"${text}"`;
  if (!text.includes('`')) return `\`${text}\``;
  throw cannotHold(name, 'dotenv', 'has every kind of quote');
}

function textOf(name: string, value: Uint8Array, format: EnvironmentFormat): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    throw cannotHold(name, format, 'is not UTF-8');
  }
}

function cannotHold(name: string, format: EnvironmentFormat, problem: string): LanternError {
  const others =
    format === 'dotenv' && problem !== 'is not UTF-8' ? '-o shell, -o null or -o json' : '-o shell or -o null';
  return new LanternError(
    'failed-precondition',
    `cannot write the variable "${name}" as ${format}: its value ${problem}; use ${others}`,
  );
}

import { closeSync, openSync, readSync } from 'node:fs';
import { InvalidArgumentError, type Option } from 'commander';
import { LanternError, toLanternError } from '../../base/errors.ts';
import type { Parsed } from '../../base/parsed.ts';
import { listFaults, wrongUsage } from '../exit.ts';
import { outputOption } from '../options.ts';
import { type CustomColumns, parseColumnsFile, parseCustomColumns } from '../output/custom-columns.ts';
import { parseJsonPath } from '../output/parse-json-path.ts';
import type { ManifestFormat } from './manifest-text.ts';

/** Of commands that change objects, and print these afterwards. */
export type ResultFormat = ManifestFormat | 'name';

/** Undefined: a table. */
export type ObjectFormat = ManifestFormat | CustomColumns | 'name' | 'wide' | undefined;

export function isCustomColumns(format: ObjectFormat): format is CustomColumns {
  return typeof format === 'object' && 'columns' in format;
}

type TemplateFormat = {
  readonly placeholder: string;
  readonly example: string;
  readonly parse: (text: string, field: string) => Parsed<Exclude<ObjectFormat, undefined>>;
};

/** By the word before the equals sign. */
type Templates = Readonly<Record<string, TemplateFormat>>;

const PATHS: Templates = {
  jsonpath: { placeholder: 'TEMPLATE', example: "'{.metadata.name}'", parse: parseJsonPath },
  'jsonpath-file': { placeholder: 'FILE', example: 'template.txt', parse: inFile(parseJsonPath) },
};

const COLUMNS: Templates = {
  'custom-columns': { placeholder: 'COLUMNS', example: 'NAME:.metadata.name', parse: parseCustomColumns },
  'custom-columns-file': { placeholder: 'FILE', example: 'columns.txt', parse: inFile(parseColumnsFile) },
};

export function objectOutputOption(): Option {
  return formatOption(['yaml', 'json', 'name', 'wide'], { ...PATHS, ...COLUMNS });
}

/** Parses to a `ResultFormat`. */
export function resultOption(): Option {
  return formatOption(['yaml', 'json', 'name'], PATHS);
}

function formatOption(words: readonly ('yaml' | 'json' | 'name' | 'wide')[], templates: Templates): Option {
  const choices = [...words, ...Object.entries(templates).map(([word, { placeholder }]) => `${word}=${placeholder}`)];
  return outputOption(...choices).argParser((text) => {
    return words.find((known) => known === text) ?? parseTemplate(text, templates, choices);
  });
}

function parseTemplate(text: string, templates: Templates, choices: readonly string[]): ObjectFormat {
  const [, name = text, argument = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const template = Object.hasOwn(templates, name) ? templates[name] : undefined;
  if (template === undefined) {
    throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`);
  }
  if (argument === '') {
    throw wrongUsage(`-o ${name} needs a value: -o ${name}=${template.example}`);
  }
  const format = template.parse(argument, `-o ${name}`);
  if (!format.ok) throw wrongUsage(listFaults(format.faults));
  return format.value;
}

const MAX_FILE = 64 * 1024;

function inFile<T>(parse: (text: string, field: string) => Parsed<T>): (path: string, field: string) => Parsed<T> {
  return (path) => {
    try {
      return parse(readBounded(path), path);
    } catch (error) {
      throw toLanternError(error, `read "${path}"`);
    }
  };
}

/** A pipe or a device does not say how long it is. */
function readBounded(path: string): string {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(MAX_FILE + 1);
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(file, bytes, length, bytes.length - length, null);
      if (read === 0) return bytes.toString('utf8', 0, length);
      length += read;
    }
  } finally {
    closeSync(file);
  }
  throw new LanternError('resource-exhausted', `read "${path}": it is longer than 64 KiB`);
}

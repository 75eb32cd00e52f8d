import { InvalidArgumentError, Option } from 'commander';
import { listFaults, wrongUsage } from './exit.ts';
import { parseJsonPath } from './output/parse-json-path.ts';
import type { ObjectFormat } from './watch-objects.ts';

const WORDS = ['yaml', 'json', 'name', 'wide'] as const;
const TEMPLATE = 'jsonpath=';

/** `-o` of commands that show objects: a format by its name, or kubectl's `jsonpath=TEMPLATE`. */
export function objectOutputOption(): Option {
  const help = `format for programs (choices: ${WORDS.map((word) => `"${word}"`).join(', ')}, "${TEMPLATE}TEMPLATE")`;
  return new Option('-o, --output <FORMAT>', help).argParser(parseFormat);
}

function parseFormat(text: string): ObjectFormat {
  const word = WORDS.find((known) => known === text);
  if (word !== undefined) return word;
  if (text === 'jsonpath') throw wrongUsage("-o jsonpath needs a template: -o jsonpath='{.metadata.name}'");
  if (!text.startsWith(TEMPLATE)) {
    throw new InvalidArgumentError(`Allowed choices are ${WORDS.join(', ')}, ${TEMPLATE}TEMPLATE.`);
  }
  const template = parseJsonPath(text.slice(TEMPLATE.length), '-o jsonpath');
  if (!template.ok) throw wrongUsage(listFaults(template.faults));
  return template.value;
}

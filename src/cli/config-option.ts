import { Option } from 'commander';
import type { ConfigOption } from '../config/options.ts';
import { collect } from './define-command.ts';

/** Only shape and help: commander neither parses nor defaults, so that every fault is reported at once. */
export function optionOf({ flag, value, help, defaultText, environment, repeatable }: ConfigOption<unknown>): Option {
  const shape = value === undefined ? flag : `${flag} <${value}>`;
  const option = new Option(shape, `${help} (default: ${defaultText}; ${environment})`);
  return repeatable ? option.argParser(collect) : option;
}

import { Command, type Option, type ParseOptionsResult } from 'commander';
import { printable } from './output/text.ts';

/** A flag of a word. The value is the one that is attached to it, as in `--flag=VALUE`. */
type Flag = { readonly option: Option; readonly value: string | undefined };

/** Go's `strconv.ParseBool`. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((word) => [word, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((word) => [word, false] as const),
]);

/** Commander's, with two habits of pflag, which reads kubectl's flags: `-o=json`, and `--all=false` for a switch. */
export class PflagCommand extends Command {
  override createCommand(name?: string): PflagCommand {
    return new PflagCommand(name);
  }

  /** Rewrites the words as commander expects them. Flags of other commands stay as they are. */
  override parseOptions(words: string[]): ParseOptionsResult {
    const plain: string[] = [];
    const off = new Set<Option>();
    let pending: Option | undefined;
    for (const [index, word] of words.entries()) {
      if (pending === undefined && word === '--') {
        plain.push(...words.slice(index));
        break;
      }
      const flags = pending !== undefined && isValueOf(pending, word) ? [] : flagsIn(word, this.options);
      pending = pendingAfter(flags);
      for (const { option } of flags) off.delete(option);
      const { option, value } = flags.at(-1) ?? {};
      if (option === undefined || value === undefined) {
        plain.push(word);
        continue;
      }
      const flag = word.slice(0, word.length - value.length).replace(/=$/, '');
      if (takesValue(option)) plain.push(word.startsWith('--') ? word : `${flag}${value}`);
      else {
        plain.push(flag);
        if (!this.#isOn(option, value)) off.add(option);
      }
    }
    const parsed = super.parseOptions(plain);
    for (const option of off) this.setOptionValueWithSource(option.attributeName(), option.negate, 'cli');
    return parsed;
  }

  #isOn({ long, short }: Option, value: string): boolean {
    const flag = long ?? short ?? '';
    return (
      BOOLEANS.get(value) ??
      this.error(`${flag} is true or false, not "${printable(value)}"; write ${flag} or ${flag}=false`)
    );
  }
}

/** Those in `--flag`, `--flag=VALUE`, `-f`, `-fVALUE`, `-f=VALUE` or `-abf`, up to the first that is not known. */
export function flagsIn(word: string, known: readonly Option[]): readonly Flag[] {
  if (word.startsWith('--')) {
    const [, flag, value] = /^(--[^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    const option = known.find(({ long }) => long === flag);
    return option === undefined ? [] : [{ option, value }];
  }
  const flags: Flag[] = [];
  for (let at = 1; word.startsWith('-') && at < word.length; at += 1) {
    const option = known.find(({ short }) => short === `-${word[at]}`);
    if (option === undefined) break;
    const rest = word.slice(at + 1);
    const hasSign = rest.length > 1 && rest.startsWith('=');
    const value = hasSign ? rest.slice(1) : rest;
    const isAttached = hasSign || (takesValue(option) && value !== '');
    flags.push({ option, value: isAttached ? value : undefined });
    if (isAttached) break;
  }
  return flags;
}

/** The option that takes the next word as its value. */
export function pendingAfter(flags: readonly Flag[]): Option | undefined {
  const last = flags.at(-1);
  return last !== undefined && takesValue(last.option) && last.value === undefined ? last.option : undefined;
}

/** An optional value is never a flag. */
export function isValueOf(option: Option, word: string): boolean {
  return option.required || !word.startsWith('-');
}

export function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

import type { Fault } from '../base/errors.ts';
import { type Above, Computed, type Group, type Option, type Surroundings, type ValueOf } from './option.ts';
import { OPTIONS } from './options.ts';

type Table = typeof OPTIONS;

export type OptionName = keyof Table;

/** The options of some groups. */
export type NamesIn<G extends Group> = { [N in OptionName]: Table[N]['group'] extends G ? N : never }[OptionName];

/** A value for each of some options, given or by default. */
export type Values<N extends OptionName = OptionName> = { readonly [K in N]: ValueOf<Table[K]> };

export const OPTION_NAMES = Object.keys(OPTIONS) as readonly OptionName[];

/** In the order of the table. */
export function namesIn<G extends Group>(...groups: readonly G[]): readonly NamesIn<G>[] {
  const wanted: readonly Group[] = groups;
  return OPTION_NAMES.filter((name): name is NamesIn<G> => wanted.includes(OPTIONS[name].group));
}

/** Flags as commander hands them over, by its attribute names: text, `true` for a switch, a list when repeatable. */
export type Flags = Readonly<Record<string, unknown>>;

type Given = { readonly texts: readonly string[]; readonly field: string };

/** Some options as flags, environment and defaults say, in this order, and every fault of them. */
export class GivenOptions<N extends OptionName> {
  /** A faulty option has its default here. */
  readonly values: Values<N>;
  readonly faults: Fault[] = [];
  /** What names each option that was given: the flag or the variable. */
  readonly #fields = new Map<OptionName, string>();
  readonly #faulty = new Set<OptionName>();

  /** `names` in the order of the table, since computed defaults use values above them. */
  constructor(names: readonly N[], flags: Flags, surroundings: Surroundings) {
    const values: Record<string, unknown> = {};
    for (const name of names) {
      const option: Option = OPTIONS[name];
      const value = this.#parse(name, option, find(option, flags, surroundings.environment));
      values[name] = value ?? defaultOf(option, values as Above, surroundings);
    }
    this.values = values as Values<N>;
  }

  isGiven(name: N): boolean {
    return this.#fields.has(name);
  }

  /** Whether the value that was given cannot be read. */
  isFaulty(name: N): boolean {
    return this.#faulty.has(name);
  }

  /** Adds a fault, unless the option's own value is faulty: what follows from its default means nothing then. */
  refuse(name: N, message: string): void {
    if (this.#faulty.has(name)) return;
    this.faults.push({ field: this.#fields.get(name) ?? OPTIONS[name].flag, message });
  }

  /** Undefined where it is not given, or faulty. */
  #parse(name: N, option: Option, given: Given | undefined): unknown {
    if (given === undefined) return undefined;
    this.#fields.set(name, given.field);
    const result = option.parse(given.texts, given.field);
    if (result.ok) return result.value;
    this.#faulty.add(name);
    this.faults.push(...result.faults);
    return undefined;
  }
}

function defaultOf({ default: byDefault }: Option, above: Above, surroundings: Surroundings): unknown {
  return byDefault instanceof Computed ? byDefault.of(above, surroundings) : byDefault;
}

/** The texts for one option, and what to call them in a fault. An empty environment variable counts as not set. */
function find(option: Option, flags: Flags, environment: Surroundings['environment']): Given | undefined {
  const flag = flags[attributeName(option.flag)];
  if (flag !== undefined) return { texts: Array.isArray(flag) ? flag.map(String) : [String(flag)], field: option.flag };
  const text = environment[option.environment];
  if (text === undefined || text === '') return undefined;
  return { texts: option.isRepeatable ? text.split(':') : [text], field: option.environment };
}

/** The name under which commander hands a flag over: `--run-dir` is `runDir`. */
function attributeName(flag: string): string {
  return flag.slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

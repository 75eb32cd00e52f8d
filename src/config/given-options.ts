import type { Fault } from '../base/errors.ts';
import { type Above, Computed, type Group, type Option, type Surroundings, type ValueOf } from './option.ts';
import { OPTIONS } from './options.ts';

type Table = typeof OPTIONS;

export type OptionName = keyof Table;

export type NamesIn<G extends Group> = { [N in OptionName]: Table[N]['group'] extends G ? N : never }[OptionName];

export type Values<N extends OptionName = OptionName> = { readonly [K in N]: ValueOf<Table[K]> };

export const OPTION_NAMES = Object.keys(OPTIONS) as readonly OptionName[];

/** In the order of the table. */
export function namesIn<G extends Group>(...groups: readonly G[]): readonly NamesIn<G>[] {
  const wanted: readonly Group[] = groups;
  return OPTION_NAMES.filter((name): name is NamesIn<G> => wanted.includes(OPTIONS[name].group));
}

/** By commander's attribute names: text, `true` for a switch, a list if repeatable. */
export type Flags = Readonly<Record<string, unknown>>;

type Given = { readonly texts: readonly string[]; readonly field: string };

/** The options in `N`, from flags, environment or defaults, in this order, and all their faults. */
export class GivenOptions<N extends OptionName> {
  /** A faulty option has its default value. */
  readonly values: Values<N>;
  readonly faults: Fault[] = [];
  /** The flag or variable by which the user gave each option. */
  readonly #fields = new Map<OptionName, string>();
  readonly #faulty = new Set<OptionName>();

  /** `names` must be in the order of the table: computed defaults use the values of earlier options. */
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

  isFaulty(name: N): boolean {
    return this.#faulty.has(name);
  }

  /** Ignored if the option is faulty itself: its default, which is used then, may cause other faults. */
  refuse(name: N, message: string): void {
    if (this.#faulty.has(name)) return;
    this.faults.push({ field: this.#fields.get(name) ?? OPTIONS[name].flag, message });
  }

  /** Undefined if the option is not given or faulty. */
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

/** An empty environment variable counts as unset. */
function find(option: Option, flags: Flags, environment: Surroundings['environment']): Given | undefined {
  const flag = flags[attributeName(option.flag)];
  if (flag !== undefined) return { texts: Array.isArray(flag) ? flag.map(String) : [String(flag)], field: option.flag };
  const text = environment[option.environment];
  if (text === undefined || text === '') return undefined;
  return { texts: option.isRepeatable ? text.split(':') : [text], field: option.environment };
}

/** Commander's name: `--run-dir` is `runDir`. */
function attributeName(flag: string): string {
  return flag.slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

import type { Parsed } from '../base/parsed.ts';
import type { User } from './run-directory.ts';
import type { ValueKind } from './values.ts';

/** A heading of help and documentation. */
export type Group =
  | 'Sockets'
  | 'TCP'
  | 'CSI host'
  | 'Targets'
  | 'Memory'
  | 'Store'
  | 'etcd'
  | 'Objects'
  | 'Tokens'
  | 'Pods'
  | 'Observation';

/** What a configuration depends on besides flags. */
export type Surroundings = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly user: User;
  /** The machine's own name where left out. */
  readonly hostname?: string;
  /** Bytes that the process may use; found out where left out. */
  readonly memoryBytes?: number;
};

/** Values that computed defaults may use; their options stand above those in the table. */
export type Above = {
  readonly runDirectory: string;
  readonly dataDirectory: string;
  readonly host: string;
  readonly poolTotalBytes: number | undefined;
};

type Compute<V> = (above: Above, surroundings: Surroundings) => V;

/** A default that depends on other things, and the words for it in help. */
export class Computed<V> {
  readonly text: string;
  readonly of: Compute<V>;

  constructor(text: string, of: Compute<V>) {
    this.text = text;
    this.of = of;
  }
}

/** No value unless one is given; `text` says in help what that means. */
export function unset(text = 'none'): Computed<undefined> {
  return new Computed(text, () => undefined);
}

/** One option of `lantern serve`. `T` is what its text is parsed to, `D` its default: a value, or computed. */
export type Option<G extends Group = Group, T = unknown, D = unknown> = {
  readonly group: G;
  readonly flag: `--${string}`;
  readonly environment: string;
  /** What help calls the value; undefined for a switch. */
  readonly placeholder: string | undefined;
  /** May be given several times; in the environment separated by colons. */
  readonly isRepeatable: boolean;
  readonly default: D;
  /** The default as help shows it. */
  readonly defaultText: string;
  /** A phrase in lower case, without a full stop. */
  readonly help: string;
  /** `field` names the flag or the variable, whichever was used, in faults. */
  readonly parse: (texts: readonly string[], field: string) => Parsed<T>;
};

/** The value of an option, given or by default. */
export type ValueOf<O> = O extends Option<Group, infer T, infer D> ? T | (D extends Computed<infer V> ? V : D) : never;

/** A row of the table. The variable follows from the flag: LANTERN_RUN_DIR is `--run-dir`. */
export function option<G extends Group, T, const D extends T | Computed<T | undefined>>(
  group: G,
  flag: `--${string}`,
  { placeholder, isRepeatable, parse, print }: ValueKind<T>,
  byDefault: D,
  help: string,
): Option<G, T, D> {
  const environment = `LANTERN_${flag.slice(2).toUpperCase().replaceAll('-', '_')}`;
  const defaultText = byDefault instanceof Computed ? byDefault.text : print(byDefault as T);
  return { group, flag, environment, placeholder, isRepeatable, default: byDefault, defaultText, help, parse };
}

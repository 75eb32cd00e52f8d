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

export type Surroundings = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly user: User;
  readonly hostname?: string;
  /** Bytes; the memory available to this process if left out. */
  readonly memoryBytes?: number;
};

/** The values that computed defaults may use. Their options come first in the table. */
export type Above = {
  readonly runDirectory: string;
  readonly dataDirectory: string;
  readonly host: string;
  readonly poolTotalBytes: number | undefined;
};

type Compute<V> = (above: Above, surroundings: Surroundings) => V;

/** `text` describes the default in help. */
export class Computed<V> {
  readonly text: string;
  readonly of: Compute<V>;

  constructor(text: string, of: Compute<V>) {
    this.text = text;
    this.of = of;
  }
}

export function unset(text = 'none'): Computed<undefined> {
  return new Computed(text, () => undefined);
}

/** An option of `lantern serve`. `T` is the type of its value, `D` that of its default, which may be computed. */
export type Option<G extends Group = Group, T = unknown, D = unknown> = {
  readonly group: G;
  readonly flag: `--${string}`;
  readonly environment: string;
  /** The value's name in help; undefined for a switch. */
  readonly placeholder: string | undefined;
  /** In the environment, values are separated by colons. */
  readonly isRepeatable: boolean;
  readonly default: D;
  readonly defaultText: string;
  /** A phrase in lower case, without a full stop. */
  readonly help: string;
  /** `field` names the flag or variable in faults. */
  readonly parse: (texts: readonly string[], field: string) => Parsed<T>;
};

export type ValueOf<O> = O extends Option<Group, infer T, infer D> ? T | (D extends Computed<infer V> ? V : D) : never;

/** The variable is derived from the flag: LANTERN_RUN_DIR for `--run-dir`. */
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

import type { Clock } from '../base/clock.ts';
import { type Fault, LanternError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Slices } from '../base/steps.ts';
import type { Publisher } from '../mount/publisher.ts';
import type { EnvNameRule } from '../objects/env-names.ts';
import type { EventRecorder } from '../objects/event.ts';
import type { PayloadBudget } from '../payload/render-payload.ts';
import type { Parser } from '../spec/parser/parse-tasks.ts';
import type { Source, Staleness } from '../stores/store.ts';
import type { TokenIssuer } from '../tokens/token-signer.ts';

/** What a projection goes through, in order: objects come from the source, files become visible by the publisher. */
export type Stages = {
  /** What requests read: the newest state. */
  readonly source: Source;
  /** What volumes are kept fresh from when nobody asks: the same, or what may lag behind it by a while. */
  readonly background: Source;
  /** Whether the source is in touch with its store; undefined for one that always is. */
  readonly staleness?: Staleness | undefined;
  /** Reads specs that are kept as objects. */
  readonly parser: Parser;
  readonly publisher: Publisher;
  readonly clock: Clock;
  /** In which work on volumes takes its turns. */
  readonly slices: Slices;
  readonly log: Log;
  readonly recorder: EventRecorder;
  /** Signs the tokens that a request does not bring; undefined where the host has to bring them all. */
  readonly tokens: TokenIssuer | undefined;
  /** How often every volume is looked at again, whatever was followed; milliseconds. */
  readonly syncPeriodMs: number;
  /** What one payload may cost. */
  readonly budget: PayloadBudget;
  /** The node's resources by name, for limits a container does not set. */
  readonly allocatable: ReadonlyMap<string, string>;
  /** What shares a pool: a namespace's volumes, or nothing. */
  readonly isolation: 'namespace' | 'volume';
  /** Which keys of envFrom make variables. */
  readonly environmentNames: EnvNameRule;
};

/** Why something could not be made from the objects there are; see `Rendered` and `ResolvedEnvironment`. */
type Refusal = { readonly reason: 'missing' | 'invalid' | 'too-large'; readonly faults: readonly Fault[] };

export function refusalError({ reason, faults }: Refusal): LanternError {
  const text = faults.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; ');
  switch (reason) {
    case 'missing':
      return new LanternError('failed-precondition', text, { faults, reason: 'MISSING_OBJECTS' });
    case 'too-large':
      return new LanternError('resource-exhausted', text, { faults });
    case 'invalid':
      return new LanternError('invalid-argument', text, { faults });
  }
}

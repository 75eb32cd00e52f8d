import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Slices } from '../base/slices.ts';
import type { Publisher } from '../mount/publisher.ts';
import type { EnvNameRule } from '../objects/env-name.ts';
import type { EventRecorder } from '../objects/event.ts';
import type { PayloadBudget } from '../payload/render-payload.ts';
import type { Parser } from '../sources/parser.ts';
import type { Source } from '../sources/source.ts';
import type { Staleness } from '../sources/staleness.ts';
import type { TokenIssuer } from '../sources/token-issuer.ts';

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

import type { Clock } from '../../base/clock.ts';
import type { EventLog } from '../../projection/events/event-log.ts';
import type { Projector } from '../../projection/projector.ts';
import { UNKNOWN_ID } from '../../projection/volume.ts';
import type { EventRow, Messages, Start, Summary, VolumeRow } from './messages.ts';
import { eventRow, volumeRow } from './rows.ts';
import type { Swaps } from './swaps.ts';

/** A part of the daemon, as far as the page shows it. */
export type Shown = {
  readonly projector: Pick<Projector, 'get' | 'listAfter'>;
  readonly events: Pick<EventLog, 'list' | 'revision'>;
  readonly start: () => Start;
  readonly summary: () => Summary;
};

type FollowerParts = { readonly shown: Shown; readonly swaps: Swaps; readonly clock: Clock };

/** Volumes in one piece, which has mostly 40 KB. */
const PIECE = 100;
/** Events that a page shows. */
const MAX_EVENTS = 200;
/** Milliseconds between two looks for changes: a person hardly notices it. */
const LOOK_MS = 250;
/** Looks until the summary is made again, and until a client that has heard nothing hears that the daemon is there. */
const SUMMARY_LOOKS = 4;
const QUIET_LOOKS = 60;

/**
 * One client's view. It remembers which volumes changed since the client was told, not what changed: a slow client gets
 * the newest state of each, and costs the ids of these volumes, however much happens.
 */
export class Follower {
  readonly #parts: FollowerParts;
  #changed = new Set<string>();
  /** A volume without a record gets another name when it is mounted again, and nobody reports the end of this one. */
  readonly #unnamed = new Set<string>();
  #eventRevision = 0;
  #summary = '';

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  changed(volumeId: string): void {
    this.#changed.add(volumeId);
  }

  /** Server-sent events, without an end. Each is made when the one before has been taken. */
  async *follow(signal: AbortSignal): AsyncGenerator<string, void> {
    const { shown, clock } = this.#parts;
    yield message('start', shown.start());
    yield* this.#rest(true);
    yield* this.#everyVolume();
    yield message('listed', null);
    let quiet = 0;
    for (let look = 1; ; look += 1) {
      await clock.sleep(LOOK_MS, signal);
      quiet += 1;
      for (const text of this.#news(look % SUMMARY_LOOKS === 0)) {
        yield text;
        quiet = 0;
      }
      if (quiet < QUIET_LOOKS) continue;
      yield ': still here\n\n';
      quiet = 0;
    }
  }

  *#everyVolume(): Generator<string, void> {
    const { projector } = this.#parts.shown;
    for (let after = '', isMore = true; isMore; ) {
      const rows: VolumeRow[] = [];
      // Anew for each piece: the client may take its time, and a reading must not pause.
      for (const status of projector.listAfter(after, undefined)) {
        rows.push(this.#rowOf(status));
        if (rows.length === PIECE) break;
      }
      isMore = rows.length === PIECE;
      after = rows.at(-1)?.id ?? '';
      if (rows.length > 0) yield message('volumes', rows);
    }
  }

  /**
   * Called from a timer: whoever reported one of these changes has finished by then. Changes that are reported while
   * the client takes these are for the next look.
   */
  *#news(withSummary: boolean): Generator<string, void> {
    const changed = this.#changed;
    this.#changed = new Set();
    yield* this.#volumes(changed);
    yield* this.#rest(withSummary);
  }

  *#rest(withSummary: boolean): Generator<string, void> {
    const events = this.#newEvents();
    if (events.length > 0) yield message('events', events);
    if (!withSummary) return;
    const summary = message('summary', this.#parts.shown.summary());
    if (summary !== this.#summary) yield summary;
    this.#summary = summary;
  }

  *#volumes(changed: Set<string>): Generator<string, void> {
    const { projector } = this.#parts.shown;
    for (const id of this.#unnamed) if (projector.get(id) === undefined) changed.add(id);
    while (changed.size > 0) {
      const rows: VolumeRow[] = [];
      const gone: string[] = [];
      for (const id of changed) {
        if (rows.length + gone.length === PIECE) break;
        changed.delete(id);
        const status = projector.get(id);
        if (status !== undefined) rows.push(this.#rowOf(status));
        else gone.push(id);
      }
      for (const id of gone) this.#unnamed.delete(id);
      if (gone.length > 0) yield message('gone', gone);
      if (rows.length > 0) yield message('volumes', rows);
    }
  }

  #rowOf(status: NonNullable<ReturnType<Projector['get']>>): VolumeRow {
    if (status.volumeId.startsWith(UNKNOWN_ID)) this.#unnamed.add(status.volumeId);
    return volumeRow(status, this.#parts.swaps.of(status.volumeId));
  }

  #newEvents(): readonly EventRow[] {
    const { events } = this.#parts.shown;
    if (events.revision === this.#eventRevision) return [];
    const found = events.list({}).filter(({ revision }) => revision > this.#eventRevision);
    this.#eventRevision = events.revision;
    return found.slice(-MAX_EVENTS).map(eventRow);
  }
}

function message<Name extends keyof Messages>(name: Name, data: Messages[Name]): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

import type { EventRow } from '../src/operations/live/messages.ts';
import { element } from './dom.ts';
import { agoOf, timeOf } from './text.ts';
import { searchWords } from './volumes.ts';

const MAX_EVENTS = 200;

/** The latest events, each once. */
export class Events {
  /** By id, the most recent last. */
  readonly #all = new Map<string, EventRow>();

  put(rows: readonly EventRow[]): void {
    for (const row of rows) {
      this.#all.delete(row.id);
      this.#all.set(row.id, row);
    }
    for (const id of this.#all.keys()) {
      if (this.#all.size <= MAX_EVENTS) break;
      this.#all.delete(id);
    }
  }

  /** The most recent first. */
  select(text: string, isWarning: boolean): readonly EventRow[] {
    const words = searchWords(text);
    const found = [...this.#all.values()].filter((event) => {
      return (!isWarning || event.type === 'Warning') && words.every((word) => wordsOf(event).includes(word));
    });
    return found.reverse();
  }

  /** Those of pods name the volume in their message. */
  ofVolume(id: string): readonly EventRow[] {
    const found = [...this.#all.values()].filter(({ kind, name, message }) => {
      return kind === 'Volume' ? name === id : message.startsWith(`volume "${id}"`);
    });
    return found.reverse();
  }
}

function wordsOf({ reason, kind, namespace, name, message }: EventRow): string {
  return [reason, `${kind}/${name}`, namespace, message].join('\n').toLowerCase();
}

export function noEvents(): HTMLElement {
  return element('li', { class: 'none' }, 'No events.');
}

export function eventItem({ type, reason, kind, name, message, count, lastTime }: EventRow, now: number): HTMLElement {
  return element(
    'li',
    { class: `event ${type.toLowerCase()}` },
    element(
      'div',
      { class: 'line' },
      element('strong', {}, reason),
      count > 1 ? element('span', { class: 'times' }, `×${count}`) : undefined,
      element('time', { datetime: new Date(lastTime).toISOString(), title: timeOf(lastTime) }, agoOf(lastTime, now)),
    ),
    element('div', { class: 'about' }, `${kind} ${name}`),
    element('div', { class: 'message' }, message),
  );
}

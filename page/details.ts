import type { EventRow } from '../src/operations/live/messages.ts';
import { element, found, setText } from './dom.ts';
import { eventItem } from './events.ts';
import { agoOf, count, timeOf } from './text.ts';
import { Timeline } from './timeline.ts';
import type { Volume } from './volumes.ts';

const MAX_EVENTS = 30;
const MAX_SWAPS = 10;

/** A dialog with all that is known of one volume. Closing it gives the focus back. */
export class Details {
  readonly #dialog = found('details', HTMLDialogElement);
  readonly #title = found('details-title', HTMLElement);
  readonly #body = found('details-body', HTMLElement);
  #id: string | undefined;

  constructor() {
    found('close', HTMLButtonElement).addEventListener('click', () => this.close());
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.close();
    });
    this.#dialog.addEventListener('close', () => {
      this.#id = undefined;
    });
  }

  /** The volume it shows. */
  get id(): string | undefined {
    return this.#id;
  }

  /** The event of its end, which forgets the volume, comes later than the next key may. */
  get isOpen(): boolean {
    return this.#dialog.open;
  }

  open(id: string): void {
    this.#id = id;
    this.#body.replaceChildren();
    this.#dialog.showModal();
    this.#dialog.scrollTop = 0;
  }

  close(): void {
    this.#dialog.close();
  }

  /** `volume` is undefined if it is not mounted any more. */
  show(volume: Volume | undefined, events: readonly EventRow[], now: number): void {
    if (this.#id === undefined) return;
    setText(this.#title, this.#id);
    if (volume === undefined) {
      this.#body.replaceChildren(element('p', { class: 'note' }, 'This volume is not mounted any more.'));
      return;
    }
    const timeline = new Timeline();
    timeline.show(volume, now);
    this.#body.dataset.state = volume.state;
    this.#body.replaceChildren(
      healthOf(volume, now),
      factsOf(volume, now),
      heading('Swaps'),
      element('div', { class: 'axis' }, timeline.element, element('span', {}, '1h ago'), element('span', {}, 'now')),
      list(
        volume.swaps
          .slice(-MAX_SWAPS)
          .toReversed()
          .map((time) => `${timeOf(time)} (${agoOf(time, now)})`),
        'Its contents have not changed since it was mounted, or the daemon started.',
      ),
      heading('Targets'),
      list([...volume.targets.items, ...more(volume.targets.more)], 'none', 'code'),
      heading('Content'),
      list(
        [
          ...volume.objects.items.map(({ kind, name, revision }) => {
            return `${kind}/${name}${revision === undefined ? ' (missing, optional)' : ` at revision ${revision}`}`;
          }),
          ...more(volume.objects.more),
        ],
        'no objects',
      ),
      heading('Events'),
      eventsOf(events, now),
    );
  }
}

function healthOf({ state, reason, since }: Volume, now: number): HTMLElement {
  const duration = since === undefined ? '' : ` for ${agoOf(since, now).replace(' ago', '')}`;
  return element(
    'div',
    { class: 'health' },
    element('p', {}, element('span', { class: 'state' }, state), duration),
    reason === undefined ? undefined : element('p', { class: 'reason' }, reason),
  );
}

function factsOf({ namespace, pod, files, generation, mountedAt, updatedAt }: Volume, now: number): HTMLElement {
  const at = (time: number | undefined) => (time === undefined ? 'unknown' : `${timeOf(time)} (${agoOf(time, now)})`);
  const facts = {
    Namespace: namespace || 'unknown',
    Pod: pod ?? '—',
    Files: String(files),
    Generation: generation ?? 'none',
    Mounted: at(mountedAt),
    Updated: at(updatedAt),
  };
  const pairs = Object.entries(facts).map(([name, value]) => {
    return element('div', {}, element('dt', {}, name), element('dd', {}, value));
  });
  return element('dl', { class: 'facts' }, ...pairs);
}

function heading(text: string): HTMLElement {
  return element('h3', {}, text);
}

function list(items: readonly string[], none: string, name = ''): HTMLElement {
  if (items.length === 0) return element('p', { class: 'note' }, none);
  return element('ul', { class: `plain ${name}` }, ...items.map((text) => element('li', {}, text)));
}

function more(others: number): readonly string[] {
  return others === 0 ? [] : [`and ${others} more`];
}

function eventsOf(events: readonly EventRow[], now: number): HTMLElement {
  if (events.length === 0) return element('p', { class: 'note' }, 'none among the latest');
  const items = events.slice(0, MAX_EVENTS).map((event) => eventItem(event, now));
  return element('ol', { class: 'plain', 'aria-label': `${count(items.length, 'event')} of this volume` }, ...items);
}

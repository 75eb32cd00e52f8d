import type { Start, Summary } from '../src/operations/live/messages.ts';
import { type Contact, follow, type Reader } from './connection.ts';
import { Details } from './details.ts';
import { element, found, setText } from './dom.ts';
import { Events, eventItem, noEvents } from './events.ts';
import { Grid } from './grid.ts';
import { count } from './text.ts';
import { tilesOf } from './tiles.ts';
import { type Sort, type State, type View, Volumes } from './volumes.ts';

/** Milliseconds between two drawings while changes come, and while only time passes. */
const DRAW_MS = 200;
const TICK_MS = 1_000;

const STATES: readonly (State | undefined)[] = [undefined, 'ready', 'stale', 'degraded'];

/** Puts the parts of the page together: what comes is kept, and drawn at most some times a second. */
class Page {
  readonly #volumes = new Volumes();
  readonly #events = new Events();
  readonly #details = new Details();
  readonly #search = found('search', HTMLInputElement);
  readonly #warnings = found('warnings', HTMLInputElement);
  readonly #gridElement = found('grid', HTMLElement);
  readonly #grid: Grid;
  #view: View = { text: '', state: undefined, sort: 'state' };
  #start: Start | undefined;
  #summary: Summary | undefined;
  /** Milliseconds that the daemon's clock is ahead. */
  #ahead = 0;
  #isListed = false;
  #timer: number | undefined;

  constructor() {
    this.#grid = new Grid({
      grid: this.#gridElement,
      rows: found('rows', HTMLElement),
      now: () => this.#now,
      onOpen: ({ id }) => {
        this.#details.open(id);
        this.#drawDetails();
      },
    });
    this.#makeControls();
    document.addEventListener('keydown', (event) => this.#onKey(event));
    setInterval(() => this.#drawSoon(), TICK_MS);
  }

  run(): void {
    const drawn =
      <T>(take: (data: T) => void) =>
      (data: T) => {
        take(data);
        this.#drawSoon();
      };
    const reader: Reader = {
      start: drawn((start) => {
        this.#start = start;
        this.#ahead = start.now - Date.now();
        this.#volumes.begin();
      }),
      volumes: drawn((rows) => this.#volumes.put(rows)),
      gone: drawn((ids) => this.#volumes.remove(ids)),
      listed: drawn(() => {
        this.#volumes.listed();
        this.#isListed = true;
      }),
      events: drawn((rows) => this.#events.put(rows)),
      summary: drawn((summary) => {
        this.#summary = summary;
      }),
    };
    // Somebody opens another address in this tab, which loads nothing by itself.
    addEventListener('hashchange', () => location.reload());
    void follow(reader, (contact) => this.#showContact(contact));
  }

  get #now(): number {
    return Date.now() + this.#ahead;
  }

  #makeControls(): void {
    this.#search.addEventListener('input', () => this.#look({ text: this.#search.value }));
    this.#warnings.addEventListener('change', () => this.#draw());
    const states = STATES.map((state) => {
      const button = element('button', { type: 'button', 'data-state': state ?? 'all' });
      button.addEventListener('click', () => this.#look({ state }));
      return button;
    });
    found('states', HTMLElement).replaceChildren(...states);
    for (const button of this.#gridElement.querySelectorAll<HTMLButtonElement>('button[data-sort]')) {
      button.addEventListener('click', () => this.#look({ sort: button.dataset.sort as Sort }));
    }
  }

  #onKey(event: KeyboardEvent): void {
    const { activeElement } = document;
    const isTyping = activeElement instanceof HTMLInputElement && activeElement.type === 'search';
    if (event.ctrlKey || event.altKey || event.metaKey || this.#details.isOpen) return;
    if (event.key === '/' && !isTyping) {
      // Not every browser moves the focus to what is selected.
      this.#search.focus();
      this.#search.select();
    } else if (event.key === 'ArrowDown' && isTyping) this.#gridElement.focus();
    else if (event.key === 'Escape' && this.#search.value !== '') {
      this.#search.value = '';
      this.#look({ text: '' });
    } else return;
    event.preventDefault();
  }

  #look(change: Partial<View>): void {
    this.#view = { ...this.#view, ...change };
    this.#gridElement.scrollTop = 0;
    this.#draw();
  }

  #showContact(contact: Contact): void {
    const label = found('contact', HTMLElement);
    label.dataset.kind = contact.kind;
    setText(
      label,
      contact.kind === 'live' ? 'live' : contact.kind === 'lost' ? `trying again: ${contact.reason}` : 'no session',
    );
    found('gate', HTMLElement).hidden = contact.kind !== 'refused';
    if (contact.kind === 'refused') {
      setText(found('gate-reason', HTMLElement), contact.reason);
      found('page', HTMLElement).hidden = true;
      label.hidden = true;
      // It would stay above the gate, and keep the keyboard.
      this.#details.close();
    } else if (contact.kind === 'live') found('page', HTMLElement).hidden = false;
  }

  #drawSoon(): void {
    this.#timer ??= setTimeout(() => this.#draw(), DRAW_MS);
  }

  #draw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const [start, summary] = [this.#start, this.#summary];
    if (start === undefined || summary === undefined) return;
    setText(found('node', HTMLElement), `${start.node} · ${start.version}`);
    found('tiles', HTMLElement).replaceChildren(...tilesOf(summary, start, this.#now));
    this.#drawVolumes(summary);
    // A new text would take the reader's selection away.
    if (document.getSelection()?.isCollapsed === false) return;
    const events = this.#events.select(this.#view.text, this.#warnings.checked);
    const items = events.map((event) => eventItem(event, this.#now));
    found('events', HTMLElement).replaceChildren(...(items.length > 0 ? items : [noEvents()]));
    this.#drawDetails();
  }

  #drawVolumes({ volumes }: Summary): void {
    const { text, state, sort } = this.#view;
    const selected = this.#volumes.select(this.#view);
    this.#grid.show(selected);
    const all = volumes.ready + volumes.stale + volumes.degraded;
    for (const button of found('states', HTMLElement).querySelectorAll('button')) {
      const own = STATES.find((each) => each === button.dataset.state);
      button.setAttribute('aria-pressed', String(own === state));
      setText(button, `${own ?? 'all'} ${(own === undefined ? all : volumes[own]).toLocaleString('en')}`);
    }
    for (const button of this.#gridElement.querySelectorAll<HTMLButtonElement>('button[data-sort]')) {
      const isSorted = button.dataset.sort === sort;
      button.parentElement?.setAttribute(
        'aria-sort',
        isSorted ? (sort === 'updated' ? 'descending' : 'ascending') : 'none',
      );
    }
    const isFiltered = text !== '' || state !== undefined;
    setText(found('found', HTMLElement), isFiltered ? `${count(selected.length, 'volume')} found` : '');
    const empty = found('empty', HTMLElement);
    empty.hidden = selected.length > 0;
    const none = isFiltered ? 'No volume fits. Escape clears the search.' : 'No volume is mounted here yet.';
    setText(empty, this.#isListed ? none : 'Reading the volumes…');
  }

  #drawDetails(): void {
    const { id } = this.#details;
    if (id !== undefined) this.#details.show(this.#volumes.get(id), this.#events.ofVolume(id), this.#now);
  }
}

new Page().run();

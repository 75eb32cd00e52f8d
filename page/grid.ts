import type { Some } from '../src/operations/live/messages.ts';
import { element, setText } from './dom.ts';
import { agoOf } from './text.ts';
import { Timeline } from './timeline.ts';
import type { Volume } from './volumes.ts';

/** Rows beyond the visible ones, so that a slow scroll shows no gap. */
const MARGIN = 6;
/** Milliseconds that a changed volume is marked. */
const FLASH_MS = 1_600;

type GridParts = {
  /** Focusable, and scrolls. */
  readonly grid: HTMLElement;
  readonly rows: HTMLElement;
  readonly now: () => number;
  readonly onOpen: (volume: Volume) => void;
};

/** Has elements for the rows that can be seen, however many volumes there are. */
export class Grid {
  readonly #parts: GridParts;
  readonly #lines: Line[] = [];
  #volumes: readonly Volume[] = [];
  /** Its id: the volume may move. */
  #active: string | undefined;

  constructor(parts: GridParts) {
    this.#parts = parts;
    const { grid } = parts;
    grid.addEventListener('scroll', () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(grid);
    grid.addEventListener('keydown', (event) => this.#onKey(event));
    grid.addEventListener('focus', () => {
      if (!this.#volumes.some(({ id }) => id === this.#active)) this.#active = this.#volumes[0]?.id;
      this.draw();
    });
  }

  show(volumes: readonly Volume[]): void {
    this.#volumes = volumes;
    this.#parts.grid.setAttribute('aria-rowcount', String(volumes.length + 1));
    this.draw();
  }

  draw(): void {
    const { grid, rows, now } = this.#parts;
    const height = this.#rowHeight;
    rows.style.height = `${this.#volumes.length * height}px`;
    const first = Math.max(0, Math.floor(grid.scrollTop / height) - MARGIN);
    const end = Math.min(this.#volumes.length, Math.ceil((grid.scrollTop + grid.clientHeight) / height) + MARGIN);
    const shown = this.#volumes.slice(first, end);
    while (this.#lines.length < shown.length) this.#lines.push(this.#newLine());
    for (const [index, line] of this.#lines.entries()) {
      const volume = shown[index];
      line.element.hidden = volume === undefined;
      if (volume === undefined) continue;
      line.show(volume, { place: first + index, height, now: now(), isActive: volume.id === this.#active });
    }
    const active = this.#lines.find(({ volume, element }) => !element.hidden && volume?.id === this.#active);
    if (active === undefined) grid.removeAttribute('aria-activedescendant');
    else grid.setAttribute('aria-activedescendant', active.element.id);
  }

  #newLine(): Line {
    const line = new Line(`row-${this.#lines.length}`);
    line.element.addEventListener('click', () => {
      if (line.volume === undefined) return;
      this.#active = line.volume.id;
      this.draw();
      this.#parts.onOpen(line.volume);
    });
    this.#parts.rows.append(line.element);
    return line;
  }

  /** The style sheet decides: a phone has higher rows. */
  get #rowHeight(): number {
    return Number.parseFloat(getComputedStyle(this.#parts.grid).getPropertyValue('--row')) || 56;
  }

  #onKey(event: KeyboardEvent): void {
    const { grid, onOpen } = this.#parts;
    if (event.target !== grid || event.ctrlKey || event.altKey || event.metaKey) return;
    const at = this.#volumes.findIndex(({ id }) => id === this.#active);
    const page = Math.max(1, Math.floor(grid.clientHeight / this.#rowHeight) - 2);
    const last = this.#volumes.length - 1;
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at === -1 ? 0 : at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: last,
    };
    const to = moves[event.key];
    const active = this.#volumes[at];
    if (event.key === 'Enter' && active !== undefined) onOpen(active);
    else if (to !== undefined) this.#moveTo(Math.min(last, Math.max(0, to)));
    else return;
    event.preventDefault();
  }

  #moveTo(index: number): void {
    const { grid, rows } = this.#parts;
    const height = this.#rowHeight;
    const [top, below] = [index * height, (index + 1) * height + rows.offsetTop];
    if (grid.scrollTop > top) grid.scrollTop = top;
    else if (grid.scrollTop + grid.clientHeight < below) grid.scrollTop = below - grid.clientHeight;
    this.#active = this.#volumes[index]?.id;
    this.draw();
  }
}

type Placing = {
  readonly place: number;
  readonly height: number;
  readonly now: number;
  readonly isActive: boolean;
};

/** A row, which shows one volume after another. */
class Line {
  readonly element: HTMLElement;
  volume: Volume | undefined;
  readonly #state = element('span', { class: 'state' });
  readonly #name = element('span', { class: 'name' });
  readonly #about = element('span', { class: 'faint' });
  readonly #content = element('span');
  readonly #target = element('span', { class: 'faint' });
  readonly #updated = element('span');
  readonly #timeline = new Timeline();

  constructor(id: string) {
    const cell = (name: string, ...children: Node[]) => element('div', { role: 'gridcell', class: name }, ...children);
    this.element = element(
      'div',
      { role: 'row', class: 'row', id },
      cell('in-state', this.#state),
      cell('in-volume', this.#name, this.#about),
      cell('in-content', this.#content, this.#target),
      cell('in-swaps', this.#timeline.element),
      cell('in-updated', this.#updated),
    );
  }

  show(volume: Volume, { place, height, now, isActive }: Placing): void {
    const row = this.element;
    row.style.transform = `translateY(${place * height}px)`;
    row.setAttribute('aria-rowindex', String(place + 2));
    row.setAttribute('aria-selected', String(isActive));
    row.dataset.state = volume.state;
    row.classList.toggle('flash', performance.now() - volume.changedAt < FLASH_MS);
    this.volume = volume;
    const { objects, targets, updatedAt } = volume;
    setText(this.#state, volume.state);
    setText(this.#name, middleCut(volume.id, LONGEST_NAME));
    this.#name.title = volume.id;
    setText(
      this.#about,
      volume.reason ?? [volume.namespace, volume.pod && `pod ${volume.pod}`].filter(Boolean).join(' · '),
    );
    setText(
      this.#content,
      summaryOf(objects, ({ kind, name }) => `${kind}/${name}`),
    );
    setText(
      this.#target,
      summaryOf(targets, (target) => middleCut(target, LONGEST_TARGET)),
    );
    setText(this.#updated, updatedAt === undefined ? '—' : agoOf(updatedAt, now));
    this.#timeline.show(volume, now);
  }
}

function summaryOf<T>({ items, more }: Some<T>, shown: (item: T) => string): string {
  const [first] = items;
  if (first === undefined) return '—';
  const others = items.length - 1 + more;
  return others > 0 ? `${shown(first)} and ${others} more` : shown(first);
}

/** Characters that fit mostly. */
const LONGEST_NAME = 90;
const LONGEST_TARGET = 38;

/** Both ends of a name tell more than its middle. */
function middleCut(name: string, longest: number): string {
  const half = longest / 2;
  return name.length <= longest ? name : `${name.slice(0, half)}…${name.slice(-half)}`;
}

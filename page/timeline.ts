import type { VolumeRow } from '../src/operations/live/messages.ts';
import { svgElement } from './dom.ts';
import { count } from './text.ts';

/** Milliseconds that a timeline shows. */
const SPAN_MS = 60 * 60 * 1000;
const WIDTH = 1_000;
const HEIGHT = 20;

type Shown = Pick<VolumeRow, 'swaps' | 'since'>;

/** A line for each swap, and the time in which the volume was not ready. */
export class Timeline {
  readonly element: SVGSVGElement;
  readonly #trouble = svgElement('rect', { class: 'trouble', y: '3', height: String(HEIGHT - 6) });
  readonly #swaps = svgElement('path', { class: 'swaps', 'vector-effect': 'non-scaling-stroke' });

  constructor() {
    const base = svgElement('path', {
      class: 'base',
      d: `M0 ${HEIGHT / 2}H${WIDTH}`,
      'vector-effect': 'non-scaling-stroke',
    });
    const size = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none' };
    this.element = svgElement('svg', { class: 'timeline', role: 'img', ...size }, base, this.#trouble, this.#swaps);
  }

  show({ swaps, since }: Shown, now: number): void {
    const begin = now - SPAN_MS;
    const place = (time: number) => Math.round((Math.max(0, time - begin) / SPAN_MS) * WIDTH);
    const recent = swaps.filter((time) => time >= begin);
    this.#swaps.setAttribute('d', recent.map((time) => `M${place(time)} 2V${HEIGHT - 2}`).join(''));
    const from = since === undefined ? WIDTH : Math.min(place(since), WIDTH - 12);
    this.#trouble.setAttribute('x', String(from));
    this.#trouble.setAttribute('width', String(WIDTH - from));
    this.element.setAttribute('aria-label', `${count(recent.length, 'swap')} in the last hour`);
  }
}

import type { Progress } from '../base/progress.ts';
import type { Cli } from './command.ts';
import { formatAge } from './output/table.ts';
import type { StatusLine } from './status-line.ts';

/** Shorter work shows nothing. */
const SILENT_MS = 700;
const FRAME_MS = 100;

/** Shows the progress of long work on a terminal at stderr, until it is disposed. Elsewhere it does nothing. */
export class ShownProgress implements Progress, Disposable {
  readonly #cli: Pick<Cli, 'terminal' | 'clock'>;
  #timer: Disposable | undefined;
  #line: StatusLine | undefined;
  #isOver = false;
  #what = '';
  #total: number | undefined;
  #done = 0;
  #since = 0;

  constructor(cli: Pick<Cli, 'terminal' | 'clock'>) {
    this.#cli = cli;
    const { terminal, clock } = cli;
    if (terminal.openStatus === undefined) return;
    this.#timer = clock.after(SILENT_MS, () => void this.#open());
  }

  begin(what: string, total?: number): void {
    this.#what = what;
    this.#total = total;
    this.#done = 0;
    this.#since = this.#cli.clock.monotonic();
  }

  step(): void {
    this.#done += 1;
  }

  /** For work whose size is learnt on the way. */
  reach(done: number, total: number): void {
    this.#done = done;
    this.#total = total;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#timer?.[Symbol.dispose]();
    this.#line?.[Symbol.dispose]();
  }

  async #open(): Promise<void> {
    const line = await this.#cli.terminal.openStatus?.();
    this.#line = line;
    if (this.#isOver) line?.[Symbol.dispose]();
    else this.#draw();
  }

  #draw(): void {
    if (this.#what !== '') this.#line?.draw(this.#text());
    this.#timer = this.#cli.clock.after(FRAME_MS, () => this.#draw());
  }

  /** For example `applying objects: 1,234 of 5,000, 812/s, 5s left`. */
  #text(): string {
    const spentMs = this.#cli.clock.monotonic() - this.#since;
    const [done, total] = [this.#done, this.#total];
    const count = [
      ...(done > 0 || total !== undefined ? [grouped(done)] : []),
      ...(total === undefined ? [] : [`of ${grouped(total)}`]),
    ].join(' ');
    const perSecond = (done * 1000) / spentMs;
    const isTimed = done > 0 && spentMs > 0;
    const left = isTimed && total !== undefined ? formatAge(((total - done) * 1000) / perSecond) : undefined;
    const parts = [
      count,
      isTimed ? `${perSecond < 10 ? perSecond.toFixed(1) : grouped(Math.round(perSecond))}/s` : formatAge(spentMs),
      left === undefined ? '' : `${left} left`,
    ];
    return `${this.#what}: ${parts.filter(Boolean).join(', ')}`;
  }
}

function grouped(count: number): string {
  return count.toLocaleString('en');
}

import type { Start, Summary } from '../src/operations/live/messages.ts';
import { element } from './dom.ts';
import { ageOf, count, percent, sizeOf } from './text.ts';

type Tile = { readonly title: string; readonly value: string; readonly note: string; readonly isBad?: boolean };

export function tilesOf(summary: Summary, start: Start, now: number): readonly HTMLElement[] {
  return [
    volumesTile(summary),
    targetsTile(summary, start),
    poolsTile(summary, start),
    storeTile(summary, start, now),
  ].map(({ title, value, note, isBad = false }) =>
    element(
      'div',
      { class: isBad ? 'tile bad' : 'tile' },
      element('dt', {}, title),
      element('dd', { class: 'value' }, value),
      element('dd', { class: 'note', title: note }, note),
    ),
  );
}

function volumesTile({ volumes: { ready, stale, degraded } }: Summary): Tile {
  const troubles = [
    stale > 0 ? `${stale.toLocaleString('en')} stale` : '',
    degraded > 0 ? `${degraded.toLocaleString('en')} degraded` : '',
  ];
  const note = troubles.filter(Boolean).join(', ') || 'all ready';
  const all = ready + stale + degraded;
  return {
    title: 'Volumes',
    value: all.toLocaleString('en'),
    note: all === 0 ? 'none mounted' : note,
    isBad: stale + degraded > 0,
  };
}

function targetsTile({ targets }: Summary, { publisher }: Start): Tile {
  return { title: 'Targets', value: targets.toLocaleString('en'), note: `${publisher} publisher` };
}

/** A share, as in the alert rules. */
const FULL = 0.9;

function poolsTile({ pools: { pools, usedBytes, sizeBytes, fullestRatio } }: Summary, { publisher }: Start): Tile {
  const title = 'Pools';
  if (publisher === 'direct') return { title, value: 'none', note: 'volumes are in their targets' };
  const note = `of ${sizeOf(sizeBytes)} in ${count(pools, 'pool')}; fullest ${percent(fullestRatio)}`;
  return { title, value: sizeOf(usedBytes), note, isBad: fullestRatio > FULL };
}

function storeTile({ contact, writeProblem }: Summary, { store }: Start, now: number): Tile {
  const tile = { title: 'Store', value: store };
  if (writeProblem !== undefined) return { ...tile, note: `refuses writes: ${writeProblem}`, isBad: true };
  if (contact === undefined) return { ...tile, note: 'in the daemon' };
  const { lostSince, problem = '' } = contact;
  if (lostSince === undefined) return { ...tile, note: 'in touch' };
  return { ...tile, note: `out of touch for ${ageOf(lostSince, now)}: ${problem}`, isBad: true };
}

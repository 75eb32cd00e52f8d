import type { Event__Output as WireEvent } from '../../rpc/generated/lantern/v1/Event.ts';
import type { MountPodResponse__Output as MountPodResponse } from '../../rpc/generated/lantern/v1/MountPodResponse.ts';
import type { Pod__Output as WirePod } from '../../rpc/generated/lantern/v1/Pod.ts';
import type { Publication__Output as WirePublication } from '../../rpc/generated/lantern/v1/Publication.ts';
import type { Volume__Output as WireVolume } from '../../rpc/generated/lantern/v1/Volume.ts';
import type { VolumeDefinition__Output as WireDefinition } from '../../rpc/generated/lantern/v1/VolumeDefinition.ts';
import { describeEvents } from './events-table.ts';
import { type Fit, widthOf, wrapText } from './fit.ts';
import { wireToJson } from './structured.ts';
import { ageSince, formatMode, formatSize, formatTable } from './table.ts';
import { printable, type Style } from './text.ts';

const INDENT = '  ';

/** `now`: milliseconds since 1970, for ages. `width`: of the terminal; undefined if nothing has to fit. */
export type VolumeView = { readonly now: number; readonly style: Style; readonly width: number | undefined };

const HEADINGS = ['VOLUME', 'NAMESPACE', 'STATE', 'AGE', 'UPDATED', 'POD', 'CONTENT'];
const COLUMNS: Fit['columns'] = [
  { how: 'cut', floor: 24 },
  { how: 'cut', floor: 9 },
  undefined,
  undefined,
  undefined,
  { how: 'cut', floor: 8 },
  { how: 'cut', floor: 12 },
];

/** On a terminal without room for them, reasons are below their volumes, and names lose their middle. */
export function volumeTable(volumes: readonly WireVolume[], view: VolumeView): string {
  const rows = volumes.map((volume) => volumeCells(volume, view));
  const reasons = volumes.map((volume) => reasonOf(volume, view.now));
  const table = formatTable(
    [...HEADINGS, 'REASON'],
    rows.map((row, index) => [...row, reasons[index] ?? '']),
  );
  const { width } = view;
  if (width === undefined || table.split('\n').every((line) => widthOf(line) <= width)) return table;
  const [headings = '', ...lines] = formatTable(HEADINGS, rows, undefined, { width, columns: COLUMNS }).split('\n');
  const below = reasons.map((reason) => (reason === '' ? [] : wrapText(`Reason: ${reason}`, width - INDENT.length)));
  return [
    headings,
    ...lines.flatMap((line, index) => [line, ...(below[index] ?? []).map((part) => INDENT + view.style.caution(part))]),
  ].join('\n');
}

/** Everything in full, however wide the terminal is. */
export function wideVolumeTable(volumes: readonly WireVolume[], view: VolumeView): string {
  const rows = volumes.map((volume) => [
    ...volumeCells(volume, view),
    String(volume.files.length),
    printable(volume.publications.map(describeTarget).join(', ')) || '<none>',
    volume.generation || '<none>',
    reasonOf(volume, view.now),
  ]);
  return formatTable([...HEADINGS, 'FILES', 'TARGETS', 'GENERATION', 'REASON'], rows);
}

function volumeCells(volume: WireVolume, { now, style }: VolumeView): string[] {
  return [
    printable(volume.volumeId),
    printable(volume.namespace) || '<unknown>',
    formatState(volume, style) + (volume.problemSince === '' ? '' : ` (${ageSince(volume.problemSince, now)})`),
    ageSince(volume.mountedAt, now),
    volume.updatedAt === '' ? '<never>' : ageSince(volume.updatedAt, now),
    printable(volume.pod?.name ?? '') || '<none>',
    printable(describeDefinition(volume.definition)),
  ];
}

/** Empty if the contents are the newest. */
function reasonOf({ lastError, staleSince }: WireVolume, now: number): string {
  if (lastError !== '') return printable(lastError);
  if (staleSince === '') return '';
  return `the store has been unreachable for ${ageSince(staleSince, now)}; newer contents may exist`;
}

export type VolumeDetails = {
  readonly volume: WireVolume;
  /** Revisions in the store, by `objectKey`; `undefined` for an absent object. Empty: not looked up. */
  readonly newest: ReadonlyMap<string, string | undefined>;
  readonly events: readonly WireEvent[];
};

export function objectKey({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${kind} ${name}`;
}

export function describeVolume({ volume, newest, events }: VolumeDetails, view: VolumeView): string {
  return [
    factsOf(volume, view),
    objectSection(volume, newest, view),
    section(
      ['FILE', 'MODE', 'OWNER', 'SIZE'],
      volume.files.map(({ path, mode, user, group, size }) => [
        printable(path),
        formatMode(mode),
        `${user}:${group}`,
        formatSize(size),
      ]),
      fitIn(view.width, [{ how: 'wrap', floor: 24 }]),
    ),
    section(
      ['TARGET', 'SUB-PATH', 'GENERATION'],
      volume.publications.map(({ targetPath, subPath, pinnedGeneration }) => [
        printable(targetPath),
        printable(subPath) || '<whole>',
        describeGeneration(pinnedGeneration, volume.generation, view.style),
      ]),
      fitIn(view.width, [
        { how: 'wrap', floor: 24 },
        { how: 'wrap', floor: 12 },
      ]),
    ),
    describeEvents(events, view.now, view.width),
  ].join('\n\n');
}

function factsOf(volume: WireVolume, { now, style, width }: VolumeView): string {
  const since = (time: string): string => `${printable(time)} (${ageSince(time, now)} ago)`;
  const facts = [
    ['Volume:', printable(volume.volumeId)],
    ['Namespace:', printable(volume.namespace) || '<unknown>'],
    ['Pod:', describePod(volume)],
    ['Content:', printable(describeDefinition(volume.definition))],
    ['Mounted:', volume.mountedAt === '' ? '<unknown>' : since(volume.mountedAt)],
    ['Last updated:', volume.updatedAt === '' ? '<never>' : since(volume.updatedAt)],
    ['Generation:', volume.generation || '<none>'],
    ...(volume.mountGroup === undefined ? [] : [['Mount group:', String(volume.mountGroup)]]),
    ['State:', formatState(volume, style)],
    ...(volume.problemSince === '' ? [] : [['Since:', since(volume.problemSince)]]),
    ...(volume.staleSince === '' ? [] : [['No contact since:', since(volume.staleSince)]]),
    ...(reasonOf(volume, now) === '' ? [] : [['Reason:', reasonOf(volume, now)]]),
  ];
  const [first = [], ...rest] = facts;
  return formatTable(first, rest, undefined, fitIn(width, [undefined, { how: 'wrap', floor: 24 }]));
}

function objectSection({ objects }: WireVolume, newest: VolumeDetails['newest'], { style, width }: VolumeView): string {
  const headings = ['OBJECT', 'REVISION', ...(newest.size === 0 ? [] : ['IN STORE'])];
  const rows = objects.map((object) => {
    const shown = object.resourceVersion || '<absent>';
    if (!newest.has(objectKey(object))) return [printable(objectKey(object)), shown];
    const stored = newest.get(objectKey(object));
    const difference = stored === undefined ? '<absent>' : `${stored} (not shown)`;
    const isShown = stored === (object.resourceVersion || undefined);
    return [printable(objectKey(object)), shown, isShown ? shown : style.caution(difference)];
  });
  return section(headings, rows, fitIn(width, [{ how: 'wrap', floor: 24 }]));
}

function describeGeneration(pinned: string, current: string, style: Style): string {
  if (pinned === '') return '<current>';
  return pinned === current ? `${pinned} (pinned)` : style.caution(`${pinned} (pinned, outdated)`);
}

function fitIn(width: number | undefined, columns: Fit['columns']): Fit | undefined {
  return width === undefined ? undefined : { width, columns };
}

/** Example: `secret/db, configmap/settings, downwardAPI`. */
export function describeDefinition(definition: WireDefinition | null): string {
  if (definition === null) return '<unknown>';
  if (definition.projectedVolume !== undefined) return `projectedvolume/${definition.projectedVolume}`;
  const { secret, configMap, downwardApi, projected, request } = definition.source ?? {};
  if (secret) return `secret/${secret.secretName}`;
  if (configMap) return `configmap/${configMap.name}`;
  if (downwardApi) return 'downwardAPI';
  if (request) return 'request';
  const parts = (projected?.sources ?? []).map((source) => {
    if (source.secret) return `secret/${source.secret.name}`;
    if (source.configMap) return `configmap/${source.configMap.name}`;
    if (source.downwardApi) return 'downwardAPI';
    return source.serviceAccountToken ? 'serviceAccountToken' : 'request';
  });
  return parts.length === 0 ? '<nothing>' : parts.join(', ');
}

function formatState(volume: Pick<WireVolume, 'state'>, style: Style): string {
  const word = volume.state.toLowerCase();
  if (volume.state === 'READY') return style.good(word);
  return volume.state === 'STALE' ? style.caution(word) : style.bad(word);
}

function describePod({ namespace, pod }: WireVolume): string {
  if (pod === null) return '<none>';
  return printable(`${namespace}/${pod.name}${pod.uid === '' ? '' : ` (${pod.uid})`}`);
}

function describeTarget({ targetPath, subPath }: WirePublication): string {
  return subPath === '' ? targetPath : `${targetPath} [${subPath}]`;
}

function section(headings: readonly string[], rows: readonly (readonly string[])[], fit?: Fit): string {
  const none = [`<none>`];
  return formatTable(headings, rows.length === 0 ? [none] : rows, undefined, fit);
}

const MOUNT_COLUMNS: Fit['columns'] = [
  { how: 'cut', floor: 12 },
  { how: 'cut', floor: 16 },
  { how: 'cut', floor: 24 },
  { how: 'cut', floor: 12 },
];

/** Omits variables and credentials, which are secret. `width` as in `VolumeView`. */
export function mountedPodText({ pod, containers }: MountPodResponse, width: number | undefined): string {
  const name = `pod/${printable(pod?.name ?? '')} mounted at ${printable(pod?.rootPath ?? '')}`;
  const rows = containers.flatMap((container) =>
    container.mounts.map(({ volumeName, mountPath, targetPath, subPath }) => [
      printable(container.name),
      printable(mountPath),
      printable(targetPath),
      printable(subPath === '' ? volumeName : `${volumeName} [${subPath}]`),
    ]),
  );
  if (rows.length === 0) return `${name}: its containers have no volumes`;
  const headings = ['CONTAINER', 'MOUNT PATH', 'TARGET', 'VOLUME'];
  return [name, formatTable(headings, rows, undefined, fitIn(width, MOUNT_COLUMNS))].join('\n');
}

/** Has the names of the variables, but not their values. */
export function mountedPodJson({ pod, containers, notices }: MountPodResponse): unknown {
  return {
    pod: wireToJson(pod),
    containers: containers.map(({ name, image, init, environment, mounts }) => ({
      name,
      image,
      init,
      environment: environment.map((variable) => variable.name),
      mounts: wireToJson(mounts),
    })),
    notices: wireToJson(notices),
  };
}

const POD_COLUMNS: Fit['columns'] = [
  { how: 'cut', floor: 12 },
  { how: 'cut', floor: 16 },
  { how: 'cut', floor: 12 },
  undefined,
  { how: 'wrap', floor: 24 },
];

/** A row for each volume, and one for a pod without volumes. */
export function podTable(
  pods: readonly WirePod[],
  allNamespaces: boolean,
  { style, width }: Pick<VolumeView, 'style' | 'width'>,
): string {
  const headings = ['POD', 'ROOT', 'VOLUME', 'STATE', 'LAST ERROR'];
  const rows = pods.flatMap(({ namespace, name, rootPath, volumes }) => {
    const pod = [...(allNamespaces ? [namespace] : []), name, rootPath].map(printable);
    if (volumes.length === 0) return [[...pod, '<none>']];
    return volumes.map((volume) => [
      ...pod,
      printable(volume.name),
      formatState(volume, style),
      printable(volume.lastError),
    ]);
  });
  const columns = [...(allNamespaces ? [{ how: 'cut', floor: 9 } as const] : []), ...POD_COLUMNS];
  return formatTable([...(allNamespaces ? ['NAMESPACE'] : []), ...headings], rows, undefined, fitIn(width, columns));
}

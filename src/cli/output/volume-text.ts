import type { MountPodResponse__Output as MountPodResponse } from '../../rpc/generated/lantern/v1/MountPodResponse.ts';
import type { Pod__Output as WirePod } from '../../rpc/generated/lantern/v1/Pod.ts';
import type { Publication__Output as WirePublication } from '../../rpc/generated/lantern/v1/Publication.ts';
import type { Volume__Output as WireVolume } from '../../rpc/generated/lantern/v1/Volume.ts';
import type { VolumeDefinition__Output as WireDefinition } from '../../rpc/generated/lantern/v1/VolumeDefinition.ts';
import { wireToJson } from './structured.ts';
import { ageSince, formatMode, formatSize, formatTable } from './table.ts';
import { printable, type Style } from './text.ts';

export function volumeTable(volumes: readonly WireVolume[], wide: boolean, now: number, style: Style): string {
  const more = wide ? ['GENERATION', 'PROBLEM'] : [];
  const headings = ['VOLUME', 'NAMESPACE', 'STATE', 'UPDATED', 'POD', 'CONTENT', 'FILES', 'TARGETS', ...more];
  const rows = volumes.map((volume) => [
    printable(volume.volumeId),
    volume.namespace,
    formatState(volume, style) + (volume.problemSince === '' ? '' : ` (${ageSince(volume.problemSince, now)})`),
    volume.updatedAt === '' ? '<never>' : ageSince(volume.updatedAt, now),
    printable(volume.pod?.name ?? '') || '<none>',
    printable(describeDefinition(volume.definition)),
    String(volume.files.length),
    printable(wide ? volume.publications.map(describeTarget).join(', ') || '<none>' : firstTarget(volume)),
    ...(wide ? [volume.generation, printable(volume.lastError) || '<none>'] : []),
  ]);
  return formatTable(headings, rows);
}

export function describeVolume(volume: WireVolume, style: Style): string {
  const facts = [
    ['Volume:', printable(volume.volumeId)],
    ['Namespace:', volume.namespace],
    ['State:', formatState(volume, style)],
    ...(volume.problemSince === '' ? [] : [['Since:', printable(volume.problemSince)]]),
    ...(volume.lastError === '' ? [] : [['Last error:', printable(volume.lastError)]]),
    ...(volume.staleSince === '' ? [] : [['Stale since:', printable(volume.staleSince)]]),
    ['Content:', printable(describeDefinition(volume.definition))],
    ...(volume.updatedAt === '' ? [] : [['Last updated:', printable(volume.updatedAt)]]),
    ...(volume.pod === null ? [] : [['Pod:', describePod(volume)]]),
    ['Generation:', volume.generation || '<none>'],
    ...(volume.mountGroup === undefined ? [] : [['Mount group:', String(volume.mountGroup)]]),
  ];
  const [first = [], ...rest] = facts;
  return [
    formatTable(first, rest),
    section(
      ['OBJECT', 'REVISION'],
      volume.objects.map(({ kind, name, resourceVersion }) => [`${kind} ${name}`, resourceVersion || '<absent>']),
    ),
    section(
      ['FILE', 'MODE', 'OWNER', 'SIZE'],
      volume.files.map(({ path, mode, user, group, size }) => [
        printable(path),
        formatMode(mode),
        `${user}:${group}`,
        formatSize(size),
      ]),
    ),
    section(
      ['TARGET', 'SUB-PATH', 'GENERATION'],
      volume.publications.map(({ targetPath, subPath, pinnedGeneration }) => [
        printable(targetPath),
        printable(subPath) || '<whole>',
        pinnedGeneration === '' ? '<current>' : `${pinnedGeneration} (pinned)`,
      ]),
    ),
  ].join('\n\n');
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

function firstTarget({ publications }: WireVolume): string {
  const [first, ...rest] = publications;
  if (first === undefined) return '<none>';
  return rest.length === 0 ? describeTarget(first) : `${describeTarget(first)} (+${rest.length})`;
}

function describeTarget({ targetPath, subPath }: WirePublication): string {
  return subPath === '' ? targetPath : `${targetPath} [${subPath}]`;
}

function section(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const none = [`<none>`];
  return formatTable(headings, rows.length === 0 ? [none] : rows);
}

/** Omits variables and credentials, which are secret. */
export function mountedPodText({ pod, containers }: MountPodResponse): string {
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
  return [name, formatTable(['CONTAINER', 'MOUNT PATH', 'TARGET', 'VOLUME'], rows)].join('\n');
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

/** A row for each volume, and one for a pod without volumes. */
export function podTable(pods: readonly WirePod[], allNamespaces: boolean, style: Style): string {
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
  return formatTable([...(allNamespaces ? ['NAMESPACE'] : []), ...headings], rows);
}

import type { MountPodResponse__Output as MountPodResponse } from '../../rpc/generated/lantern/v1/MountPodResponse.ts';
import type { Pod__Output as WirePod } from '../../rpc/generated/lantern/v1/Pod.ts';
import { printable } from './printable.ts';
import { wireToJson } from './structured.ts';
import type { Style } from './style.ts';
import { formatTable } from './table.ts';
import { formatState } from './volume-text.ts';

/** Where each container's volumes are. Neither variables nor credentials: they hold secrets. */
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

/** The same for programs, with the names of the variables. */
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

/** The table of `lantern pod status`: a row for each volume, and one for a pod without any. */
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

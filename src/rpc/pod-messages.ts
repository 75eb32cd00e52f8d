import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import type { MountedContainer, MountedPod, PodStatus } from '../projection/pods.ts';
import type { MountPodResponse as WireMounted } from './generated/lantern/v1/MountPodResponse.ts';
import type { Pod as WirePod } from './generated/lantern/v1/Pod.ts';
import type { PodContainer as WireContainer } from './generated/lantern/v1/PodContainer.ts';
import { publicationToWire, STATES } from './volume-messages.ts';

/** A request's root_path: given, absolute, without `..`. Where it may lie is the target roots' to check. */
export function parseRootPath(root: string): Parsed<string> {
  const refuse = (message: string): Parsed<string> => faulty([{ field: 'root_path', message }]);
  if (root === '') return refuse('is required');
  if (root.includes('\0')) return refuse('must not contain a NUL byte');
  if (!root.startsWith('/')) return refuse('must be an absolute path');
  if (root.split('/').includes('..')) return refuse("must not contain '..'");
  return /^[/.]*$/.test(root) ? refuse('must not be the root directory') : parsed(root);
}

/** SECRET: has variables and passwords. */
export function mountedPodToWire({ status, containers, notices }: MountedPod): WireMounted {
  return {
    pod: podToWire(status),
    containers: containers.map(containerToWire),
    notices: notices.map(({ reason, message }) => ({ reason, message })),
  };
}

function containerToWire({ name, image, isInit, environment, credentials, mounts }: MountedContainer): WireContainer {
  return {
    name,
    image,
    init: isInit,
    environment: environment.map((variable) => ({ name: variable.name, value: Buffer.from(variable.value) })),
    credentials: credentials.map(({ key, username, password, secretName }) => {
      return { match: key, username, password, secretName };
    }),
    mounts: mounts.map(({ volumeName, mountPath, target, subPath }) => {
      return { volumeName, mountPath, targetPath: target, subPath: subPath ?? '' };
    }),
  };
}

export function podToWire({ namespace, name, uid, root, volumes }: PodStatus): WirePod {
  return {
    namespace,
    name,
    uid,
    rootPath: root,
    volumes: volumes.map(({ name, volumeId, state, lastError, publications }) => ({
      name,
      volumeId,
      state: STATES[state],
      lastError: lastError ?? '',
      publications: publications.map(publicationToWire),
    })),
  };
}

/** About how many bytes the message takes, for cutting pages. */
export function sizeOfPod({ root, volumes }: PodStatus): number {
  const sizes = volumes.map(({ lastError, publications }) => {
    const targets = publications.reduce(
      (sum, { target, subPath }) => sum + textSize(target) + textSize(subPath) + 96,
      0,
    );
    return 384 + textSize(lastError) + targets;
  });
  return sizes.reduce((sum, size) => sum + size, 1024 + textSize(root));
}

function textSize(text = ''): number {
  return Buffer.byteLength(text);
}

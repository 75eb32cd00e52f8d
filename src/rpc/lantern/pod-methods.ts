import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import type { EnvNameRule } from '../../objects/env-names.ts';
import { parseNamespace, parseObjectName } from '../../objects/names.ts';
import type { HeldToken } from '../../payload/render-inputs.ts';
import type { MountedContainer, MountedPod, PodStatus, Pods } from '../../projection/pods/pods.ts';
import { type Parser, parserHere } from '../../spec/parser/parse-tasks.ts';
import type { MountPodResponse as WireMounted } from '../generated/lantern/v1/MountPodResponse.ts';
import type { Pod as WirePod } from '../generated/lantern/v1/Pod.ts';
import type { PodContainer as WireContainer } from '../generated/lantern/v1/PodContainer.ts';
import type { Token__Output as WireToken } from '../generated/lantern/v1/Token.ts';
import { MAX_USER } from '../limits.ts';
import { checkPage, pageOf } from '../pages.ts';
import { Reading } from '../reading.ts';
import type { ProjectorMethods } from '../services.ts';
import { publicationToWire, STATES } from './projector-messages.ts';

/** Projector.MountPod, UnmountPod and ListPods. */
export function podMethods(
  pods: Pods,
  parser: Parser = parserHere,
  names: EnvNameRule = 'strict',
): Pick<ProjectorMethods, 'mountPod' | 'unmountPod' | 'listPods'> {
  return {
    async mountPod(request, signal) {
      const reading = new Reading();
      const namespace = reading.take(parseNamespace(request.namespace || 'default', 'namespace'));
      const root = reading.take(parseRootPath(request.rootPath));
      const text = { text: request.manifest, defaultNamespace: namespace ?? 'default', field: 'manifest', names };
      const pod = reading.take(await parser.run('pod', text, signal));
      if (pod !== undefined && namespace !== undefined && request.namespace !== '' && pod.namespace !== namespace) {
        reading.refuse('namespace', `must be "${pod.namespace}", as the manifest says, or empty`);
      }
      if (pod?.containers.length === 0) reading.refuse('manifest.spec.containers', 'must have a container');
      if (request.runAsUser !== undefined && (request.runAsUser < 0 || request.runAsUser > MAX_USER)) {
        reading.refuse('run_as_user', `must be between 0 and ${MAX_USER}`);
      }
      if (pod === undefined || root === undefined || !reading.isGood) throw reading.error();
      const { containers, waitForObjects, open, runAsUser } = request;
      const tokens = heldTokensOf(request.tokens);
      return mountedPodToWire(
        await pods.mount({ pod, root, containers, waitForObjects, tokens, open, runAsUser }, signal),
      );
    },

    async unmountPod(request, signal) {
      const reading = new Reading();
      const namespace = reading.take(parseNamespace(request.namespace || 'default', 'namespace'));
      const name = reading.take(parseObjectName(request.name, 'name'));
      const root = request.rootPath === '' ? undefined : reading.take(parseRootPath(request.rootPath));
      if (namespace === undefined || name === undefined || !reading.isGood) throw reading.error();
      await pods.unmount({ namespace, name, root }, signal);
      return {};
    },

    listPods(request) {
      const reading = new Reading();
      if (request.namespace !== '') reading.take(parseNamespace(request.namespace, 'namespace'));
      reading.take(checkPage(request));
      if (!reading.isGood) throw reading.error();
      const all = pods.list().filter(({ namespace }) => request.namespace === '' || namespace === request.namespace);
      const { items, nextPageToken } = pageOf(all, pageKey, sizeOfPod, request);
      return { pods: items.map(podToWire), nextPageToken };
    },
  };
}

/** Sorts as the list does: no part can hold a NUL byte. */
function pageKey({ namespace, name, root }: PodStatus): string {
  return `${namespace}\0${name}\0${root}`;
}

/** A request's root_path: given, absolute, without `..`. Where it may lie is the target roots' to check. */
function parseRootPath(root: string): Parsed<string> {
  const refuse = (message: string): Parsed<string> => faulty([{ field: 'root_path', message }]);
  if (root === '') return refuse('is required');
  if (root.includes('\0')) return refuse('must not contain a NUL byte');
  if (!root.startsWith('/')) return refuse('must be an absolute path');
  if (root.split('/').includes('..')) return refuse("must not contain '..'");
  return /^[/.]*$/.test(root) ? refuse('must not be the root directory') : parsed(root);
}

/** SECRET: has variables and passwords. */
function mountedPodToWire({ status, containers, notices }: MountedPod): WireMounted {
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

function podToWire({ namespace, name, uid, root, volumes }: PodStatus): WirePod {
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
function sizeOfPod({ root, volumes }: PodStatus): number {
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

/** A request's tokens, by audience. */
export function heldTokensOf(wire: Readonly<Record<string, WireToken>>): ReadonlyMap<string, HeldToken> {
  return new Map(
    Object.entries(wire).map(([audience, { token, expirationTimestamp }]) => [
      audience,
      { token, expirationTimestamp },
    ]),
  );
}

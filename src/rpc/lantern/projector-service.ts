import { LanternError } from '../../base/errors.ts';
import { faulty, orThrow, type Parsed, parsed } from '../../base/parsed.ts';
import type { EnvNameRule } from '../../objects/env-names.ts';
import { parseDataKey, parseNamespace, parseObjectName } from '../../objects/names.ts';
import type { Pods } from '../../projection/pods/pods.ts';
import type { Projector } from '../../projection/projector.ts';
import { parseImageReference } from '../../spec/image-reference.ts';
import { type Parser, parserHere } from '../../spec/parser/parse-tasks.ts';
import { parseSubPath } from '../../spec/relative-path.ts';
import { MAX_GROUP, parseVolumeId } from '../../spec/volume-spec.ts';
import { USUAL_ACCESS } from '../../volume/record.ts';
import type { MountRequest__Output as MountRequest } from '../generated/lantern/v1/MountRequest.ts';
import { MAX_USER } from '../limits.ts';
import { checkPage, firstPage, lastKeyOf, pageOf, pageTokenAfter } from '../pages.ts';
import { parseTarget, Reading, readNamespace, requestKey } from '../reading.ts';
import type { ProjectorMethods } from '../services.ts';
import { readByteMap } from './object-messages.ts';
import {
  credentialToWire,
  eventToWire,
  heldTokensOf,
  mountedPodToWire,
  pageKeyOfPod,
  parseWireDefinition,
  parseWirePod,
  placementOf,
  podToWire,
  rawContainer,
  refreshedToWire,
  sizeOfPod,
  treeEntryToWire,
  volumeToWire,
  weightOfVolume,
} from './projector-messages.ts';

/** lantern.v1.Projector. Reports all faults of a request together. */
export function projectorService(
  projector: Projector,
  pods: Pods,
  parser: Parser,
  names: EnvNameRule = 'strict',
): ProjectorMethods {
  return {
    ...mountMethods(projector, parser),
    ...volumeMethods(projector),
    ...previewMethods(projector, parser, names),
    ...podMethods(pods, parser, names),
  };
}

function mountMethods(projector: Projector, parser: Parser): Pick<ProjectorMethods, 'mount' | 'unmount' | 'update'> {
  return {
    async mount(request, signal) {
      const key = projector.isMounted(request.volumeId) ? requestKey('Mount', request) : undefined;
      const repeated = key === undefined ? undefined : projector.republish(request.volumeId, key);
      if (repeated !== undefined) return { volume: volumeToWire(repeated.status) };
      const reading = new Reading();
      const volumeId = reading.take(parseVolumeId(request.volumeId));
      const subPath = request.subPath === '' ? undefined : reading.take(parseSubPath(request.subPath, 'sub_path'));
      const target = reading.take(parseTarget(request.targetPath));
      const contents = await readContents(reading, request, parser, signal);
      const { definition } = contents;
      if (volumeId === undefined || definition === undefined || target === undefined || !reading.isGood) {
        throw reading.error();
      }
      const { status } = await projector.publish(
        {
          ...contents,
          definition,
          volumeId,
          target,
          subPath,
          ...USUAL_ACCESS,
          podVolume: undefined,
          waitForObjects: request.waitForObjects,
          requestKey: key,
        },
        signal,
      );
      return { volume: volumeToWire(status) };
    },

    async unmount(request, signal) {
      const reading = new Reading();
      const volumeId = reading.take(parseVolumeId(request.volumeId));
      const target = request.targetPath === '' ? undefined : reading.take(parseTarget(request.targetPath));
      if (volumeId === undefined || !reading.isGood) throw reading.error();
      await projector.unpublish({ volumeId, target }, signal);
      return {};
    },

    async update(request, signal) {
      const reading = new Reading();
      const volumeId = reading.take(parseVolumeId(request.volumeId));
      const definition =
        request.definition === null
          ? undefined
          : reading.take(await parseWireDefinition(request.definition, 'definition', parser, signal));
      const data = request.data === null ? undefined : readData(reading, request.data.data, 'data.data');
      if (volumeId === undefined || !reading.isGood) throw reading.error();
      const { status } = await projector.update({ volumeId, definition, data }, signal);
      return { volume: volumeToWire(status) };
    },
  };
}

function volumeMethods(
  projector: Projector,
): Pick<ProjectorMethods, 'getVolume' | 'listVolumes' | 'watchVolumes' | 'refresh'> {
  return {
    getVolume(request) {
      const volumeId = orThrow(parseVolumeId(request.volumeId));
      const status = projector.get(volumeId);
      if (status === undefined) {
        const message = `volume "${volumeId}" is not mounted here; "lantern volumes" lists what is`;
        throw new LanternError('not-found', message);
      }
      return { volume: volumeToWire(status) };
    },

    listVolumes(request) {
      const reading = new Reading();
      const namespace = readNamespace(reading, request.namespace);
      reading.take(checkPage(request));
      if (!reading.isGood) throw reading.error();
      const rest = projector.listAfter(lastKeyOf(request.pageToken), namespace);
      const { items, nextPageToken } = firstPage(rest, ({ volumeId }) => volumeId, weightOfVolume, request.pageSize);
      return { volumes: items.map(volumeToWire), nextPageToken };
    },

    async *watchVolumes({ volumeId, includeExisting }, signal) {
      const filter = { includeExisting, ...(volumeId !== '' && { volumeId: orThrow(parseVolumeId(volumeId)) }) };
      for await (const event of projector.events(filter, signal)) yield eventToWire(event);
    },

    async refresh(request, signal) {
      const { volumeId, all, pageSize, pageToken } = request;
      const reading = new Reading();
      if (all === (volumeId !== '')) reading.refuse('volume_id', 'either name a volume here or set all, not both');
      const id = all ? '' : reading.take(parseVolumeId(volumeId));
      reading.take(checkPage(request));
      if (!reading.isGood || id === undefined) throw reading.error();
      if (!all) {
        const results = await projector.refresh(id, signal);
        return { results: results.map(refreshedToWire), nextPageToken: '', remaining: 0 };
      }
      const limit = pageSize === 0 ? Number.POSITIVE_INFINITY : pageSize;
      const { results, last, remaining } = await projector.refreshAfter(lastKeyOf(pageToken), limit, signal);
      const nextPageToken = remaining === 0 ? '' : pageTokenAfter(last);
      return { results: results.map(refreshedToWire), nextPageToken, remaining };
    },
  };
}

/** The calls that only compute an answer. */
function previewMethods(
  projector: Projector,
  parser: Parser,
  names: EnvNameRule,
): Pick<ProjectorMethods, 'renderVolume' | 'resolveEnvironment' | 'resolveRegistryCredentials'> {
  return {
    async renderVolume(request, signal) {
      const reading = new Reading();
      const contents = await readContents(reading, request, parser, signal);
      const { definition } = contents;
      if (definition === undefined || !reading.isGood) throw reading.error();
      const tree = await projector.render({ ...contents, definition, withContents: request.withContents }, signal);
      return { entries: tree.map(treeEntryToWire) };
    },

    async resolveEnvironment(request, signal) {
      const reading = new Reading();
      const namespace = reading.take(parseNamespace(request.namespace || 'default', 'namespace'));
      const raw = rawContainer(request);
      const container = reading.take(await parser.run('environment', { raw, root: '', names }, signal));
      const pod = reading.take(parseWirePod(request.pod, 'pod'));
      if (namespace === undefined || container === undefined || !reading.isGood) throw reading.error();
      const placement = placementOf(request.placement);
      const resolved = await projector.resolveEnvironment({ namespace, container, pod, placement }, signal);
      return {
        variables: resolved.variables.map(({ name, value }) => ({ name, value })),
        notices: [...resolved.notices],
      };
    },

    async resolveRegistryCredentials(request, signal) {
      const reading = new Reading();
      const image = reading.take(parseImageReference(request.image, 'image'));
      const namespace = reading.take(parseNamespace(request.namespace || 'default', 'namespace'));
      const { imagePullSecrets } = request;
      for (const [index, name] of imagePullSecrets.entries()) {
        reading.take(parseObjectName(name, `image_pull_secrets[${index}]`));
      }
      const account = request.serviceAccountName || 'default';
      const serviceAccountName = reading.take(parseObjectName(account, 'service_account_name'));
      if (image === undefined || namespace === undefined || serviceAccountName === undefined || !reading.isGood) {
        throw reading.error();
      }
      const wanted = { namespace, image, imagePullSecrets, serviceAccountName };
      const { credentials, notices } = await projector.resolveCredentials(wanted, signal);
      return {
        registry: image.registry,
        credentials: credentials.map(credentialToWire),
        notices: [...notices],
      };
    },
  };
}

type Contents = Pick<MountRequest, 'namespace' | 'definition' | 'pod' | 'data' | 'tokens'> & { mountGroup?: number };

/** The fields that Mount and RenderVolume share. */
async function readContents(reading: Reading, request: Contents, parser: Parser, signal: AbortSignal) {
  const namespace = reading.take(parseNamespace(request.namespace || 'default', 'namespace'));
  const definition = reading.take(await parseWireDefinition(request.definition, 'definition', parser, signal));
  const pod = reading.take(parseWirePod(request.pod, 'pod'));
  const data = readData(reading, request.data, 'data');
  const { mountGroup } = request;
  if (mountGroup !== undefined && (mountGroup < 0 || mountGroup > MAX_GROUP)) {
    reading.refuse('mount_group', `must be between 0 and ${MAX_GROUP}`);
  }
  return {
    namespace: namespace ?? '',
    definition,
    pod,
    mountGroup,
    inputs: { data, tokens: heldTokensOf(request.tokens) },
  };
}

/** The keys become file names, so an object's rules apply. */
function readData(
  reading: Reading,
  wire: Readonly<Record<string, Buffer>>,
  field: string,
): ReadonlyMap<string, Uint8Array> {
  const values = readByteMap(wire);
  for (const key of values.keys()) reading.take(parseDataKey(key, `${field}[${key}]`));
  return values;
}

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
      const wanted = { pod, root, containers, waitForObjects, tokens, open, runAsUser };
      return mountedPodToWire(await pods.mount(wanted, signal));
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
      const namespace = readNamespace(reading, request.namespace);
      reading.take(checkPage(request));
      if (!reading.isGood) throw reading.error();
      const all = pods.list().filter((pod) => namespace === undefined || pod.namespace === namespace);
      const { items, nextPageToken } = pageOf(all, pageKeyOfPod, sizeOfPod, request);
      return { pods: items.map(podToWire), nextPageToken };
    },
  };
}

/** The target roots limit where it may be. */
function parseRootPath(root: string): Parsed<string> {
  const refuse = (message: string): Parsed<string> => faulty([{ field: 'root_path', message }]);
  if (root === '') return refuse('is required');
  if (root.includes('\0')) return refuse('must not contain a NUL byte');
  if (!root.startsWith('/')) return refuse('must be an absolute path');
  if (root.split('/').includes('..')) return refuse("must not contain '..'");
  return /^[/.]*$/.test(root) ? refuse('must not be the root directory') : parsed(root);
}

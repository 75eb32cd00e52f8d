import { LanternError } from '../../base/errors.ts';
import { orThrow } from '../../base/parsed.ts';
import type { EnvNameRule } from '../../objects/env-names.ts';
import { parseDataKey, parseNamespace, parseObjectName } from '../../objects/names.ts';
import type { Pods } from '../../projection/pods/pods.ts';
import type { Projector } from '../../projection/projector.ts';
import { parseImageReference } from '../../spec/image-reference.ts';
import type { Parser } from '../../spec/parser/parse-tasks.ts';
import { parseSubPath } from '../../spec/relative-path.ts';
import { parseVolumeId } from '../../spec/volume-spec.ts';
import type { MountRequest__Output as MountRequest } from '../generated/lantern/v1/MountRequest.ts';
import { MAX_GROUP } from '../limits.ts';
import { checkPage, firstPage, lastKeyOf } from '../pages.ts';
import { parseTarget, Reading } from '../reading.ts';
import type { ProjectorMethods } from '../services.ts';
import { readByteMap } from './object-messages.ts';
import { heldTokensOf, podMethods } from './pod-methods.ts';
import {
  eventToWire,
  parseWireDefinition,
  parseWirePod,
  placementOf,
  rawContainer,
  treeEntryToWire,
  volumeToWire,
  weightOfVolume,
} from './projector-messages.ts';

/** lantern.v1.Projector: reads requests, names every fault at once, and hands what is left to the projector. */
export function projectorService(
  projector: Projector,
  pods: Pods,
  parser: Parser,
  names: EnvNameRule = 'strict',
): ProjectorMethods {
  return {
    async mount(request, signal) {
      const reading = new Reading();
      const volumeId = reading.take(parseVolumeId(request.volumeId));
      const subPath = request.subPath === '' ? undefined : reading.take(parseSubPath(request.subPath, 'sub_path'));
      const target = reading.take(parseTarget(request.targetPath));
      const contents = await readContents(reading, request, parser, signal);
      const { definition } = contents;
      if (volumeId === undefined || definition === undefined || target === undefined || !reading.isGood)
        throw reading.error();
      const { status } = await projector.publish(
        {
          ...contents,
          definition,
          volumeId,
          target,
          subPath,
          accessMode: 'SINGLE_NODE_MULTI_WRITER',
          readonly: true,
          mountFlags: [],
          podVolume: undefined,
          waitForObjects: request.waitForObjects,
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

    getVolume(request) {
      const volumeId = orThrow(parseVolumeId(request.volumeId));
      const status = projector.get(volumeId);
      if (status === undefined) {
        throw new LanternError(
          'not-found',
          `volume "${volumeId}" is not mounted here; "lantern volumes" lists what is`,
        );
      }
      return { volume: volumeToWire(status) };
    },

    listVolumes(request) {
      const reading = new Reading();
      if (request.namespace !== '') reading.take(parseNamespace(request.namespace, 'namespace'));
      reading.take(checkPage(request));
      if (!reading.isGood) throw reading.error();
      const rest = projector.listAfter(lastKeyOf(request.pageToken), request.namespace || undefined);
      const { items, nextPageToken } = firstPage(rest, ({ volumeId }) => volumeId, weightOfVolume, request.pageSize);
      return { volumes: items.map(volumeToWire), nextPageToken };
    },

    async *watchVolumes({ volumeId, includeExisting }, signal) {
      const filter = { includeExisting, ...(volumeId !== '' && { volumeId: orThrow(parseVolumeId(volumeId)) }) };
      for await (const event of projector.events(filter, signal)) yield eventToWire(event);
    },

    async renderVolume(request, signal) {
      const reading = new Reading();
      const contents = await readContents(reading, request, parser, signal);
      const { definition } = contents;
      if (definition === undefined || !reading.isGood) throw reading.error();
      const tree = await projector.render({ ...contents, definition, withContents: request.withContents }, signal);
      return { entries: tree.map(treeEntryToWire) };
    },

    resolveEnvironment: resolveEnvironmentMethod(projector, parser, names),
    resolveRegistryCredentials: resolveRegistryCredentialsMethod(projector),
    refresh: refreshMethod(projector),
    ...podMethods(pods, parser, names),
  };
}

type Contents = Pick<MountRequest, 'namespace' | 'definition' | 'pod' | 'data' | 'tokens'> & { mountGroup?: number };

/** What Mount and RenderVolume have in common. */
async function readContents(reading: Reading, request: Contents, parser: Parser, signal: AbortSignal) {
  const namespace = reading.take(parseNamespace(request.namespace === '' ? 'default' : request.namespace, 'namespace'));
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

/** The keys become file names, so they follow the rules of an object's keys. */
function readData(
  reading: Reading,
  wire: Readonly<Record<string, Buffer>>,
  field: string,
): ReadonlyMap<string, Uint8Array> {
  const values = readByteMap(wire);
  for (const key of values.keys()) reading.take(parseDataKey(key, `${field}[${key}]`));
  return values;
}

/** Projector.ResolveEnvironment. */
function resolveEnvironmentMethod(
  projector: Projector,
  parser: Parser,
  names: EnvNameRule,
): ProjectorMethods['resolveEnvironment'] {
  return async (request, signal) => {
    const reading = new Reading();
    const namespace = reading.take(parseNamespace(request.namespace || 'default', 'namespace'));
    const raw = rawContainer(request);
    const container = reading.take(await parser.run('environment', { raw, root: '', names }, signal));
    const pod = reading.take(parseWirePod(request.pod, 'pod'));
    if (namespace === undefined || container === undefined || !reading.isGood) throw reading.error();
    const placement = placementOf(request.placement);
    const { variables, notices } = await projector.resolveEnvironment({ namespace, container, pod, placement }, signal);
    return {
      variables: variables.map(({ name, value }) => ({ name, value })),
      notices: notices.map(({ reason, message }) => ({ reason, message })),
    };
  };
}

/** Projector.Refresh. */
function refreshMethod(projector: Projector): ProjectorMethods['refresh'] {
  return async ({ volumeId, all }, signal) => {
    const reading = new Reading();
    if (all === (volumeId !== '')) reading.refuse('volume_id', 'either name a volume here or set all, not both');
    const id = all ? undefined : reading.take(parseVolumeId(volumeId));
    if (!reading.isGood) throw reading.error();
    const results = await projector.refresh(id, signal);
    return {
      results: results.map((result) => {
        return { volumeId: result.volumeId, changed: result.isChanged, error: result.error ?? '' };
      }),
    };
  };
}

/** Projector.ResolveRegistryCredentials. */
function resolveRegistryCredentialsMethod(projector: Projector): ProjectorMethods['resolveRegistryCredentials'] {
  return async (request, signal) => {
    const reading = new Reading();
    const image = reading.take(parseImageReference(request.image, 'image'));
    const namespace = reading.take(parseNamespace(request.namespace || 'default', 'namespace'));
    const { imagePullSecrets } = request;
    for (const [index, name] of imagePullSecrets.entries()) {
      reading.take(parseObjectName(name, `image_pull_secrets[${index}]`));
    }
    const serviceAccountName = reading.take(
      parseObjectName(request.serviceAccountName || 'default', 'service_account_name'),
    );
    if (image === undefined || namespace === undefined || serviceAccountName === undefined || !reading.isGood)
      throw reading.error();
    const resolved = await projector.resolveCredentials(
      { namespace, image, imagePullSecrets, serviceAccountName },
      signal,
    );
    return {
      registry: image.registry,
      credentials: resolved.credentials.map(({ key, username, password, secretName }) => {
        return { match: key, username, password, secretName };
      }),
      notices: resolved.notices.map(({ reason, message }) => ({ reason, message })),
    };
  };
}

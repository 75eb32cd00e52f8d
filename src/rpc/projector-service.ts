import { LanternError } from '../base/errors.ts';
import { orThrow } from '../base/parsed.ts';
import type { EnvNameRule } from '../objects/env-name.ts';
import { parseDataKey, parseNamespace } from '../objects/names.ts';
import type { Pods } from '../projection/pods.ts';
import type { Projector } from '../projection/projector.ts';
import type { Parser } from '../sources/parser.ts';
import { parseSubPath } from '../spec/sub-path.ts';
import { parseVolumeId } from '../spec/volume-id.ts';
import { readByteMap } from './byte-map.ts';
import { resolveEnvironmentMethod } from './environment-method.ts';
import type { MountRequest__Output as MountRequest } from './generated/lantern/v1/MountRequest.ts';
import { heldTokensOf } from './held-tokens.ts';
import { MAX_GROUP } from './limits.ts';
import { checkPage, firstPage, lastKeyOf } from './pages.ts';
import { podMethods } from './pod-methods.ts';
import { Reading } from './reading.ts';
import { refreshMethod } from './refresh-method.ts';
import { resolveRegistryCredentialsMethod } from './registry-credentials-method.ts';
import type { ProjectorMethods } from './services.ts';
import { parseWireDefinition, parseWirePod } from './spec-messages.ts';
import { parseTarget } from './target-path.ts';
import { eventToWire, treeEntryToWire, volumeToWire, weightOfVolume } from './volume-messages.ts';

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
      const status = await projector.publish(
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
      return { volume: volumeToWire(await projector.update({ volumeId, definition, data }, signal)) };
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

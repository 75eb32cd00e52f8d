import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { MethodDefinition } from '@grpc/grpc-js';
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import { describe, expect, it } from 'vitest';
import { REFLECTED } from '../../../src/rpc/generated/reflected.ts';
import { CONVERSION, csi, lantern } from '../../../src/rpc/protos.ts';
import { Random } from '../../hostile/random.ts';
import { METHODS } from '../../hostile/requests.ts';

const M = 'map';
type FieldTable = Readonly<Record<string, string>>;

/**
 * The standard's numbers (CSI 1.12): `name: number` and, where it says something, the type; `*` is repeated. Other
 * people's hosts speak them.
 */
const CSI_FIELDS: Readonly<Record<string, FieldTable>> = {
  GetPluginInfoRequest: {},
  GetPluginInfoResponse: { name: '1 string', vendor_version: '2 string', manifest: `3 ${M}` },
  GetPluginCapabilitiesRequest: {},
  GetPluginCapabilitiesResponse: { capabilities: '1 *PluginCapability' },
  PluginCapability: { service: '1 Service', volume_expansion: '2 VolumeExpansion' },
  'PluginCapability.Service': { type: '1 Type' },
  'PluginCapability.VolumeExpansion': { type: '1 Type' },
  ProbeRequest: {},
  ProbeResponse: { ready: '1 BoolValue' },
  VolumeCapability: { block: '1 BlockVolume', mount: '2 MountVolume', access_mode: '3 AccessMode' },
  'VolumeCapability.BlockVolume': {},
  'VolumeCapability.MountVolume': { fs_type: '1 string', mount_flags: '2 *string', volume_mount_group: '3 string' },
  'VolumeCapability.AccessMode': { mode: '1 Mode' },
  Topology: { segments: `1 ${M}` },
  CreateVolumeRequest: {
    name: '1 string',
    capacity_range: '2 CapacityRange',
    volume_capabilities: '3 *VolumeCapability',
    parameters: `4 ${M}`,
    secrets: `5 ${M}`,
    volume_content_source: '6 VolumeContentSource',
    accessibility_requirements: '7 TopologyRequirement',
    mutable_parameters: `8 ${M}`,
  },
  CreateVolumeResponse: { volume: '1 Volume' },
  CapacityRange: { required_bytes: '1 int64', limit_bytes: '2 int64' },
  TopologyRequirement: { requisite: '1 *Topology', preferred: '2 *Topology' },
  VolumeContentSource: { snapshot: '1 SnapshotSource', volume: '2 VolumeSource' },
  'VolumeContentSource.SnapshotSource': { snapshot_id: '1 string' },
  'VolumeContentSource.VolumeSource': { volume_id: '1 string' },
  Volume: {
    capacity_bytes: '1 int64',
    volume_id: '2 string',
    volume_context: `3 ${M}`,
    content_source: '4 VolumeContentSource',
    accessible_topology: '5 *Topology',
  },
  DeleteVolumeRequest: { volume_id: '1 string', secrets: `2 ${M}` },
  DeleteVolumeResponse: {},
  ValidateVolumeCapabilitiesRequest: {
    volume_id: '1 string',
    volume_context: `2 ${M}`,
    volume_capabilities: '3 *VolumeCapability',
    parameters: `4 ${M}`,
    secrets: `5 ${M}`,
    mutable_parameters: `6 ${M}`,
  },
  ValidateVolumeCapabilitiesResponse: { confirmed: '1 Confirmed', message: '2 string' },
  'ValidateVolumeCapabilitiesResponse.Confirmed': {
    volume_context: `1 ${M}`,
    volume_capabilities: '2 *VolumeCapability',
    parameters: `3 ${M}`,
    mutable_parameters: `4 ${M}`,
  },
  ControllerGetCapabilitiesRequest: {},
  ControllerGetCapabilitiesResponse: { capabilities: '1 *ControllerServiceCapability' },
  ControllerServiceCapability: { rpc: '1 RPC' },
  'ControllerServiceCapability.RPC': { type: '1 Type' },
  NodePublishVolumeRequest: {
    volume_id: '1 string',
    publish_context: `2 ${M}`,
    staging_target_path: '3 string',
    target_path: '4 string',
    volume_capability: '5 VolumeCapability',
    readonly: '6 bool',
    secrets: `7 ${M}`,
    volume_context: `8 ${M}`,
  },
  NodePublishVolumeResponse: {},
  NodeUnpublishVolumeRequest: { volume_id: '1 string', target_path: '2 string' },
  NodeUnpublishVolumeResponse: {},
  NodeGetVolumeStatsRequest: { volume_id: '1 string', volume_path: '2 string', staging_target_path: '3 string' },
  NodeGetVolumeStatsResponse: { usage: '1 *VolumeUsage', volume_condition: '2 VolumeCondition' },
  VolumeUsage: { available: '1 int64', total: '2 int64', used: '3 int64', unit: '4 Unit' },
  VolumeCondition: { abnormal: '1 bool', message: '2 string' },
  NodeGetCapabilitiesRequest: {},
  NodeGetCapabilitiesResponse: { capabilities: '1 *NodeServiceCapability' },
  NodeServiceCapability: { rpc: '1 RPC' },
  'NodeServiceCapability.RPC': { type: '1 Type' },
  NodeGetInfoRequest: {},
  NodeGetInfoResponse: { node_id: '1 string', max_volumes_per_node: '2 int64', accessible_topology: '3 Topology' },
};

const CSI_ENUMS: Readonly<Record<string, readonly string[]>> = {
  'PluginCapability.Service.Type': [
    'UNKNOWN',
    'CONTROLLER_SERVICE',
    'VOLUME_ACCESSIBILITY_CONSTRAINTS',
    'GROUP_CONTROLLER_SERVICE',
    'SNAPSHOT_METADATA_SERVICE',
  ],
  'PluginCapability.VolumeExpansion.Type': ['UNKNOWN', 'ONLINE', 'OFFLINE'],
  'VolumeCapability.AccessMode.Mode': [
    'UNKNOWN',
    'SINGLE_NODE_WRITER',
    'SINGLE_NODE_READER_ONLY',
    'MULTI_NODE_READER_ONLY',
    'MULTI_NODE_SINGLE_WRITER',
    'MULTI_NODE_MULTI_WRITER',
    'SINGLE_NODE_SINGLE_WRITER',
    'SINGLE_NODE_MULTI_WRITER',
  ],
  'ControllerServiceCapability.RPC.Type': [
    'UNKNOWN',
    'CREATE_DELETE_VOLUME',
    'PUBLISH_UNPUBLISH_VOLUME',
    'LIST_VOLUMES',
    'GET_CAPACITY',
    'CREATE_DELETE_SNAPSHOT',
    'LIST_SNAPSHOTS',
    'CLONE_VOLUME',
    'PUBLISH_READONLY',
    'EXPAND_VOLUME',
    'LIST_VOLUMES_PUBLISHED_NODES',
    'VOLUME_CONDITION',
    'GET_VOLUME',
    'SINGLE_NODE_MULTI_WRITER',
    'MODIFY_VOLUME',
    'GET_SNAPSHOT',
  ],
  'VolumeUsage.Unit': ['UNKNOWN', 'BYTES', 'INODES'],
  'NodeServiceCapability.RPC.Type': [
    'UNKNOWN',
    'STAGE_UNSTAGE_VOLUME',
    'GET_VOLUME_STATS',
    'EXPAND_VOLUME',
    'VOLUME_CONDITION',
    'SINGLE_NODE_MULTI_WRITER',
    'VOLUME_MOUNT_GROUP',
  ],
};

type FieldDescriptor = { name: string; number: number; label: string; type: string; typeName: string };
type EnumDescriptor = { name: string; value: { name: string; number: number }[] };
type MessageDescriptor = {
  name: string;
  field: FieldDescriptor[];
  nestedType: MessageDescriptor[];
  enumType: EnumDescriptor[];
  options: { mapEntry?: boolean } | null;
};

const messages = new Map<string, MessageDescriptor>();
const enums = new Map<string, EnumDescriptor>();

function collect(descriptor: MessageDescriptor, name: string): void {
  if (descriptor.options?.mapEntry) return;
  messages.set(name, descriptor);
  for (const nested of descriptor.nestedType) collect(nested, `${name}.${nested.name}`);
  for (const nested of descriptor.enumType) enums.set(`${name}.${nested.name}`, nested);
}

// Read anew, with the names as they stand in the file.
const definitions = loadSync('csi/v1/csi.proto', {
  keepCase: true,
  includeDirs: [fileURLToPath(new URL('../../../proto', import.meta.url))],
});
for (const [name, definition] of Object.entries(definitions)) {
  const [, short] = /^csi\.v1\.(\w+)$/.exec(name) ?? [];
  if (short !== undefined && 'type' in definition) collect(definition.type as MessageDescriptor, short);
}

function fieldsOf({ field, nestedType }: MessageDescriptor): FieldTable {
  const maps = new Set(nestedType.flatMap(({ name, options }) => (options?.mapEntry ? [name] : [])));
  const typeOf = ({ label, type, typeName }: FieldDescriptor): string => {
    if (maps.has(typeName)) return M;
    const short = typeName.split('.').at(-1) || type.replace('TYPE_', '').toLowerCase();
    return label === 'LABEL_REPEATED' ? `*${short}` : short;
  };
  return Object.fromEntries(field.map((each) => [each.name, `${each.number} ${typeOf(each)}`]));
}

function missing(name: string): never {
  throw new Error(`csi.v1.${name} is not there`);
}

describe('csi.v1 has the names and numbers of the standard:', () => {
  it.each(Object.entries(CSI_FIELDS))('%s', (name, fields) => {
    expect(fieldsOf(messages.get(name) ?? missing(name))).toEqual(fields);
  });

  it.each(Object.entries(CSI_ENUMS))('%s', (name, values) => {
    const { value } = enums.get(name) ?? missing(name);
    expect(value.map((each) => [each.name, each.number])).toEqual(values.map((each, index) => [each, index]));
  });

  it('no message is missing from these tables', () => {
    expect([...messages.keys()].sort()).toEqual(Object.keys(CSI_FIELDS).sort());
    expect([...enums.keys()].sort()).toEqual(Object.keys(CSI_ENUMS).sort());
  });

  it('the paths are csi.v1 paths', () => {
    expect(csi.Node.service.NodePublishVolume.path).toBe('/csi.v1.Node/NodePublishVolume');
    expect(csi.Identity.service.Probe.path).toBe('/csi.v1.Identity/Probe');
    expect(csi.Controller.service.CreateVolume.path).toBe('/csi.v1.Controller/CreateVolume');
  });
});

type Method = MethodDefinition<object, object>;

describe('generated code', () => {
  it('makes of messages what the generated types say they are', () => {
    const script = readFileSync(new URL('../../../scripts/wire/generate-types.mjs', import.meta.url), 'utf8');
    const flags = [
      ...script.matchAll(/'--(longs|enums|bytes|defaults|arrays|objects|oneofs|keepCase|json)(?:=(\w+))?'/g),
    ];
    const fromFlags = flags.map(([, name = '', value]) => [name, value ?? true]);
    const inCode = Object.entries(CONVERSION).map(([name, value]) => [
      name,
      typeof value === 'function' ? value.name : value,
    ]);
    expect(Object.fromEntries(inCode)).toEqual(Object.fromEntries(fromFlags));
  });

  const ours = [...Object.values(csi), ...Object.values(lantern)].flatMap(({ service }): Method[] =>
    Object.values(service),
  );
  const loaded = loadSync(
    [
      'csi/v1/csi.proto',
      ...['projector', 'objects', 'events', 'tokens', 'page'].map((name) => `lantern/v1/${name}.proto`),
    ],
    { ...CONVERSION, includeDirs: [fileURLToPath(new URL('../../../proto', import.meta.url))] },
  );
  const theirs = Object.values(loaded).flatMap((each): Method[] => ('format' in each ? [] : Object.values(each)));

  /** The same for the same bytes; also what is made again from it. */
  function readAgain(method: Method, bytes: Buffer) {
    try {
      const message = method.requestDeserialize(bytes);
      return { message, bytes: method.requestSerialize(message) };
    } catch (error) {
      return (error as Error).message;
    }
  }

  it.each(METHODS.map((method) => [method.path, method] as const))('%s is read as its .proto says', (path, method) => {
    const [our, their] = [ours, theirs].map((methods) => methods.find((each) => each.path === path));
    if (our === undefined || their === undefined) throw new Error(`no method ${path}`);
    for (let seed = 0; seed < 20; seed++) {
      const bytes = method.request(new Random(seed), '/targets');
      if (bytes.length > 20_000) continue;
      const isSame = isDeepStrictEqual(readAgain(our, bytes), readAgain(their, bytes));
      expect(isSame, `seed ${seed}`).toBe(true);
    }
    expect(our).toMatchObject({ requestStream: their.requestStream, responseStream: their.responseStream });
    const empty = Buffer.alloc(0);
    expect(our.responseDeserialize(empty)).toEqual(their.responseDeserialize(empty));
  });

  it('keeps a key called __proto__', () => {
    const { requestSerialize, requestDeserialize } = lantern.Objects.service.Apply;
    const data = Object.fromEntries([['__proto__', Buffer.from('value')]]);
    const read = requestDeserialize(requestSerialize({ object: { secret: { data } } }));
    expect(Object.entries(read.object?.secret?.data ?? {})).toEqual(Object.entries(data));
  });

  it('refuses endless nesting without overflowing', () => {
    const { requestDeserialize } = lantern.Projector.service.GetVolume;
    const openGroup = 0x13;
    expect(() => requestDeserialize(Buffer.alloc(1e6, openGroup))).toThrow(/depth/);
  });
});

type Field = { name: string; typeName?: string };
type Message = {
  name: string;
  field?: Field[];
  nestedType?: Message[];
  enumType?: { name: string }[];
  options?: { mapEntry?: boolean };
};
type File = {
  name: string;
  package: string;
  dependency?: string[];
  messageType?: Message[];
  enumType?: { name: string }[];
  service?: { name: string }[];
};

const descriptors = loadSync('google/protobuf/descriptor.proto');
const fileType = descriptors['google.protobuf.FileDescriptorProto'] as MessageTypeDefinition<object, object>;
const files = REFLECTED.map((text) => fileType.deserialize(Buffer.from(text, 'base64')) as File);

/** Every message with its full name. */
function messagesIn(scope: string, messages: Message[] = []): [string, Message][] {
  return messages.flatMap((message) => {
    const name = `${scope}.${message.name}`;
    return [[name, message] as [string, Message], ...messagesIn(name, message.nestedType)];
  });
}

function namesIn(file: File): string[] {
  const messages = messagesIn(file.package, file.messageType);
  const nested = messages.flatMap(([name, { enumType = [] }]) => enumType.map((each) => `${name}.${each.name}`));
  const enums = (file.enumType ?? []).map((each) => `${file.package}.${each.name}`);
  return [...messages.map(([name]) => name), ...nested, ...enums];
}

/** As protobuf looks for a name: in the scope, then outwards. */
function isKnown(known: ReadonlySet<string>, typeName: string, scope: string): boolean {
  if (typeName.startsWith('.')) return known.has(typeName.slice(1));
  const parts = scope.split('.');
  return [...parts.keys(), parts.length].some((length) => known.has([...parts.slice(0, length), typeName].join('.')));
}

describe('reflection', () => {
  it('shows every service', () => {
    const services = files.flatMap((file) => (file.service ?? []).map(({ name }) => `${file.package}.${name}`));
    expect(services).toEqual(
      expect.arrayContaining(['csi.v1.Controller', 'csi.v1.Node', 'grpc.health.v1.Health', 'lantern.v1.Projector']),
    );
  });

  it.each(files.map((file) => [file.package, file] as const))(
    '%s is valid on its own and with its imports',
    (_package, file) => {
      const reachable = files.filter(({ name }) => name === file.name || file.dependency?.includes(name));
      const known = new Set(reachable.flatMap(namesIn));
      for (const [scope, { field = [], nestedType = [] }] of messagesIn(file.package, file.messageType)) {
        for (const { name, typeName } of field) {
          expect(name, scope).toMatch(/^[a-z][a-z0-9_]*$/);
          if (typeName) expect(isKnown(known, typeName, scope), `${scope}.${name} is a ${typeName}`).toBe(true);
        }
        for (const { name, options } of nestedType)
          if (options?.mapEntry) expect(name, scope).toMatch(/^[A-Z][A-Za-z0-9]*Entry$/);
      }
    },
  );

  it('names fields in JSON, and the entries of a map, as protoc does', () => {
    const all = new Map(files.flatMap((file) => messagesIn(file.package, file.messageType)));
    const request = all.get('csi.v1.NodePublishVolumeRequest');
    expect(request?.field?.at(-1)).toMatchObject({ name: 'volume_context', jsonName: 'volumeContext' });
    const entries = request?.nestedType?.map(({ name }) => name);
    expect(entries).toEqual(['PublishContextEntry', 'SecretsEntry', 'VolumeContextEntry']);
  });
});

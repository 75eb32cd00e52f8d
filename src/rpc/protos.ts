import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type GrpcObject, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type MessageTypeDefinition, type Options, type PackageDefinition } from '@grpc/proto-loader';
import { protoPath as healthProto } from 'grpc-health-check';
import type { ProtoGrpcType as CsiTypes } from './generated/csi.ts';
import type { ProtoGrpcType as EventsTypes } from './generated/events.ts';
import type { ProtoGrpcType as ObjectsTypes } from './generated/objects.ts';
import type { ProtoGrpcType as ProjectorTypes } from './generated/projector.ts';
import type { ProtoGrpcType as TokensTypes } from './generated/tokens.ts';

/** `scripts/generate-types.mjs` uses the same options. */
export const LOADER_OPTIONS: Options = {
  longs: Number,
  enums: String,
  defaults: true,
  arrays: true,
  oneofs: true,
};

/** Searches upwards: this file may be in `src`, in `dist`, or in the build of the tools. */
function protoDirectory(from: string): string {
  const candidate = join(from, 'proto');
  if (existsSync(join(candidate, 'csi/v1/csi.proto'))) return candidate;
  if (from === dirname(from)) throw new Error('the directory "proto" of the package is missing; install it again');
  return protoDirectory(dirname(from));
}

const PROTO_FILES = [
  'csi/v1/csi.proto',
  'lantern/v1/projector.proto',
  'lantern/v1/objects.proto',
  'lantern/v1/events.proto',
  'lantern/v1/tokens.proto',
  'google/rpc/error_details.proto',
];

/** `more` are absolute paths. */
export function loadProtos(options: Options, more: readonly string[] = []): PackageDefinition {
  return loadSync([...PROTO_FILES, ...more], { ...options, includeDirs: [protoDirectory(import.meta.dirname)] });
}

export const packageDefinition: PackageDefinition = loadProtos(LOADER_OPTIONS);

// The only cast from proto-loader's untyped objects: the types are generated from the same files.
const types = loadPackageDefinition(packageDefinition) as unknown as CsiTypes & {
  lantern: {
    v1: ProjectorTypes['lantern']['v1'] &
      ObjectsTypes['lantern']['v1'] &
      EventsTypes['lantern']['v1'] &
      TokensTypes['lantern']['v1'];
  };
} & GrpcObject;

export const csi = types.csi.v1;
export const lantern = types.lantern.v1;

/** The parts of descriptor.proto's messages that are changed here. */
type File = {
  name: string;
  package: string;
  dependency?: string[];
  messageType: Message[];
  enumType?: object[];
  extension?: object[];
};
type Message = { name: string; field?: Field[]; nestedType?: Message[]; options?: { mapEntry?: boolean } };
type Field = { name: string; typeName?: string; jsonName?: string };

/** proto-loader merges the protos of a package into one file. */
const STANDARD = 'google.protobuf';

/**
 * For reflection: has the names in the .proto files, but not the parts of proto-loader's descriptors that Go refuses
 * (grpcurl's issue 519, grpc-node's issue 3018).
 */
export function reflectedProtos(): PackageDefinition {
  const definition = loadProtos({ keepCase: true }, [healthProto]);
  // Every message has all files.
  const name = 'lantern.v1.MountRequest';
  const message = definition[name] as MessageTypeDefinition<object, object>;
  return { [name]: { ...message, fileDescriptorProtos: corrected(message.fileDescriptorProtos) } };
}

function corrected(encoded: readonly Buffer[]): Buffer[] {
  const descriptors = loadSync('google/protobuf/descriptor.proto');
  const type = descriptors['google.protobuf.FileDescriptorProto'] as MessageTypeDefinition<object, object>;
  const files = encoded.map((bytes) => type.deserialize(bytes) as File);
  const own = files.filter((file) => file.package !== STANDARD);
  const used = new Set(own.flatMap((file) => file.messageType.flatMap(typesIn)));
  for (const file of files) {
    for (const message of file.messageType) completeNames(message);
    if (file.package === STANDARD) keepUsed(file, used);
    // The only one, csi_secret, extends descriptor.proto, which is removed.
    file.extension = [];
    // proto-loader omits imports. Superfluous ones are harmless: these files import none of ours.
    const imported = files.filter((other) => other.package.startsWith('google.') && other.package !== file.package);
    if (file.package !== STANDARD) file.dependency = imported.map(({ name }) => name);
  }
  return files.map((file) => type.serialize(file));
}

/** Removes descriptor.proto, which is in the same package: it is proto2, and invalid as proto3. */
function keepUsed(file: File, used: ReadonlySet<string>): void {
  file.messageType = file.messageType.filter(({ name }) => used.has(name));
  file.enumType = [];
}

/** The last parts of the names of all field types. */
function typesIn({ field = [], nestedType = [] }: Message): string[] {
  const own = field.flatMap(({ typeName }) => typeName?.split('.').at(-1) ?? []);
  return [...own, ...nestedType.flatMap(typesIn)];
}

/** proto-loader omits JSON names, and names the entries of a map `Volume_context`, not `VolumeContextEntry`. */
function completeNames({ field = [], nestedType = [] }: Message): void {
  for (const each of field)
    each.jsonName = each.name.replace(/_+(.)/g, (_match, letter: string) => letter.toUpperCase());
  for (const entry of nestedType) {
    completeNames(entry);
    const map = field.find(({ typeName }) => typeName === entry.name);
    if (map?.jsonName === undefined || !entry.options?.mapEntry) continue;
    entry.name = `${map.jsonName.charAt(0).toUpperCase()}${map.jsonName.slice(1)}Entry`;
    map.typeName = entry.name;
  }
}

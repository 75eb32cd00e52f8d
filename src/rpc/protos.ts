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

/** How messages look in JavaScript. `scripts/generate-types.mjs` generates types for the same choice. */
export const LOADER_OPTIONS: Options = {
  longs: Number,
  enums: String,
  defaults: true,
  arrays: true,
  oneofs: true,
};

/** The nearest `proto` above this file, which may be in `src`, in `dist`, or in what tools are compiled to. */
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

/** The messages and services of every proto of ours, and of `more` (absolute paths). */
export function loadProtos(options: Options, more: readonly string[] = []): PackageDefinition {
  return loadSync([...PROTO_FILES, ...more], { ...options, includeDirs: [protoDirectory(import.meta.dirname)] });
}

/** Read once per process; no request parses a proto again. */
export const packageDefinition: PackageDefinition = loadProtos(LOADER_OPTIONS);

// The one cast where proto-loader's untyped objects enter: the types were generated from the same files.
const types = loadPackageDefinition(packageDefinition) as unknown as CsiTypes & {
  lantern: {
    v1: ProjectorTypes['lantern']['v1'] &
      ObjectsTypes['lantern']['v1'] &
      EventsTypes['lantern']['v1'] &
      TokensTypes['lantern']['v1'];
  };
} & GrpcObject;

/** The services' definitions and client constructors. */
export const csi = types.csi.v1;
export const lantern = types.lantern.v1;

/** What is touched of descriptor.proto's messages; the rest is carried along. */
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

/** One file per package is what proto-loader makes of the protos. */
const STANDARD = 'google.protobuf';

/**
 * Every service we serve, as reflection shows it: with the names of the .proto files, and without what proto-loader's
 * descriptors have in them that readers in Go refuse (grpcurl's issue 519, grpc-node's issue 3018).
 */
export function reflectedProtos(): PackageDefinition {
  const definition = loadProtos({ keepCase: true }, [healthProto]);
  // Each message carries all of the files; which one is taken does not matter.
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
    // The one there is, csi_secret, extends what goes with descriptor.proto.
    file.extension = [];
    // None is said; more than needed does no harm, since these import none of ours.
    const imported = files.filter((other) => other.package.startsWith('google.') && other.package !== file.package);
    if (file.package !== STANDARD) file.dependency = imported.map(({ name }) => name);
  }
  return files.map((file) => type.serialize(file));
}

/** Without descriptor.proto, which is proto2 and lies in the same package: as proto3 it is not valid. */
function keepUsed(file: File, used: ReadonlySet<string>): void {
  file.messageType = file.messageType.filter(({ name }) => used.has(name));
  file.enumType = [];
}

/** The last part of each name. */
function typesIn({ field = [], nestedType = [] }: Message): string[] {
  const own = field.flatMap(({ typeName }) => typeName?.split('.').at(-1) ?? []);
  return [...own, ...nestedType.flatMap(typesIn)];
}

/**
 * A field `volume_context` is `volumeContext` in JSON, and if it is a map its entries are `VolumeContextEntry`: proto-loader
 * does not say the one, and calls the other `Volume_context`.
 */
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

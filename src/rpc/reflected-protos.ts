import { loadSync, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { protoPath as healthProto } from 'grpc-health-check';
import { loadProtos } from './protos.ts';

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

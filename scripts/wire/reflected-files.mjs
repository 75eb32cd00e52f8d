/**
 * The parts of descriptor.proto's messages that are changed here.
 *
 * @typedef {{ name: string, typeName?: string, jsonName?: string }} Field
 * @typedef {{ name: string, field?: Field[], nestedType?: Message[], options?: { mapEntry?: boolean } }} Message
 * @typedef {{ name: string, package: string, dependency?: string[], messageType: Message[], enumType?: object[], extension?: object[] }} File
 * @typedef {import('@grpc/proto-loader').PackageDefinition} PackageDefinition
 * @typedef {import('@grpc/proto-loader').MessageTypeDefinition<object, object>} MessageDefinition
 */

/** proto-loader merges the protos of a package into one file. */
const STANDARD = 'google.protobuf';

/**
 * For reflection: has the names in the .proto files, but not the parts of proto-loader's descriptors that Go refuses
 * (grpcurl's issue 519, grpc-node's issue 3018).
 *
 * @param {PackageDefinition} definitions
 * @param {PackageDefinition} descriptors descriptor.proto's
 * @returns {Buffer[]} a FileDescriptorProto each
 */
export function reflectedFiles(definitions, descriptors) {
  // Every message has all files.
  const message = /** @type {MessageDefinition} */ (definitions['lantern.v1.MountRequest']);
  const type = /** @type {MessageDefinition} */ (descriptors['google.protobuf.FileDescriptorProto']);
  const files = message.fileDescriptorProtos.map((bytes) => /** @type {File} */ (type.deserialize(bytes)));
  const own = files.filter((file) => file.package !== STANDARD);
  const used = new Set(own.flatMap((file) => file.messageType.flatMap(typesIn)));
  for (const file of files) {
    for (const each of file.messageType) completeNames(each);
    if (file.package === STANDARD) keepUsed(file, used);
    // The only one, csi_secret, extends descriptor.proto, which is removed.
    file.extension = [];
    // proto-loader omits imports. Superfluous ones are harmless: these files import none of ours.
    const imported = files.filter((other) => other.package.startsWith('google.') && other.package !== file.package);
    if (file.package !== STANDARD) file.dependency = imported.map(({ name }) => name);
  }
  return files.map((file) => type.serialize(file));
}

/**
 * Removes descriptor.proto, which is in the same package: it is proto2, and invalid as proto3.
 *
 * @param {File} file
 * @param {ReadonlySet<string>} used
 */
function keepUsed(file, used) {
  file.messageType = file.messageType.filter(({ name }) => used.has(name));
  file.enumType = [];
}

/**
 * The last parts of the names of all field types.
 *
 * @param {Message} message
 * @returns {string[]}
 */
function typesIn({ field = [], nestedType = [] }) {
  const own = field.flatMap(({ typeName }) => typeName?.split('.').at(-1) ?? []);
  return [...own, ...nestedType.flatMap(typesIn)];
}

/**
 * proto-loader omits JSON names, and names the entries of a map `Volume_context`, not `VolumeContextEntry`.
 *
 * @param {Message} message
 */
function completeNames({ field = [], nestedType = [] }) {
  for (const each of field)
    each.jsonName = each.name.replace(/_+(.)/g, (_match, /** @type {string} */ letter) => letter.toUpperCase());
  for (const entry of nestedType) {
    completeNames(entry);
    const map = field.find(({ typeName }) => typeName === entry.name);
    if (map?.jsonName === undefined || !entry.options?.mapEntry) continue;
    entry.name = `${map.jsonName.charAt(0).toUpperCase()}${map.jsonName.slice(1)}Entry`;
    map.typeName = entry.name;
  }
}

import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import { describe, expect, it } from 'vitest';
import { reflectedProtos } from '../../../src/rpc/protos.ts';

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
const [definition] = Object.values(reflectedProtos()) as MessageTypeDefinition<object, object>[];
const files = (definition?.fileDescriptorProtos ?? []).map((bytes) => fileType.deserialize(bytes) as File);

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

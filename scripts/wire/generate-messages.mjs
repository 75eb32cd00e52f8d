// Writes the code that encodes and decodes messages, and the descriptors that reflection shows. A command that parsed
// the .proto files itself would take three times as long to answer.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSync } from '@grpc/proto-loader';
import { protoPath as healthProto } from 'grpc-health-check';
import protobuf from 'protobufjs';
import { reflectedFiles } from './reflected-files.mjs';

const TOP = join(dirname(fileURLToPath(import.meta.url)), '../..');
const PROTOS = join(TOP, 'proto');
const outDir = process.argv[2] ?? join(TOP, 'src/rpc/generated');

const OWN_FILES = [
  'csi/v1/csi.proto',
  'lantern/v1/projector.proto',
  'lantern/v1/objects.proto',
  'lantern/v1/events.proto',
  'lantern/v1/tokens.proto',
  'lantern/v1/page.proto',
  'google/rpc/error_details.proto',
];

const reflectionProtos = join(
  dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json')),
  'build/proto/grpc/reflection',
);
const LIBRARY_FILES = [
  healthProto,
  ...['v1', 'v1alpha'].map((name) => join(reflectionProtos, name, 'reflection.proto')),
];

const root = new protobuf.Root();
// proto-loader has registered Google's own files.
root.resolvePath = (_from, file) => (OWN_FILES.includes(file) ? join(PROTOS, file) : file);
root.loadSync([...OWN_FILES, ...LIBRARY_FILES]).resolveAll();

const services = everything(root, protobuf.Service);
const types = reachableTypes();
writeFileSync(join(outDir, 'messages.ts'), `${messagesModule()}\n`);

const reflected = reflectedFiles(
  loadSync([...OWN_FILES, healthProto], { keepCase: true, includeDirs: [PROTOS] }),
  loadSync('google/protobuf/descriptor.proto'),
);
const encoded = reflected.map((bytes) => `  '${bytes.toString('base64')}',`);
writeFileSync(
  join(outDir, 'reflected.ts'),
  `/** FileDescriptorProtos in base64. */\nexport const REFLECTED: readonly string[] = [\n${encoded.join('\n')}\n];\n`,
);

/**
 * @template {protobuf.ReflectionObject} T
 * @param {protobuf.NamespaceBase} namespace
 * @param {new (...parameters: any[]) => T} kind
 * @returns {T[]}
 */
function everything(namespace, kind) {
  return namespace.nestedArray.flatMap((nested) => [
    ...(nested instanceof kind ? [nested] : []),
    ...(nested instanceof protobuf.Namespace ? everything(nested, kind) : []),
  ]);
}

/** What the services use, and the details of errors. descriptor.proto, which the options come from, is left out. */
function reachableTypes() {
  /** @type {Set<protobuf.Type>} */
  const found = new Set();
  const pending = services.flatMap(({ methodsArray }) =>
    methodsArray.flatMap(({ resolvedRequestType, resolvedResponseType }) => [
      resolvedRequestType,
      resolvedResponseType,
    ]),
  );
  pending.push(...everything(/** @type {protobuf.Namespace} */ (root.lookup('google.rpc')), protobuf.Type));
  pending.push(root.lookupType('google.protobuf.Any'));
  for (let type = pending.pop(); type !== undefined; type = pending.pop()) {
    if (type === null || found.has(type)) continue;
    found.add(type);
    for (const { resolvedType } of type.fieldsArray)
      if (resolvedType instanceof protobuf.Type) pending.push(resolvedType);
  }
  return [...found].sort((one, other) => (one.fullName < other.fullName ? -1 : 1));
}

function messagesModule() {
  return [
    '// @ts-nocheck',
    "import protobuf from 'protobufjs/minimal.js';",
    "import type { Codec, Row } from '../protos.ts';",
    'const { Reader, Writer, util } = protobuf;',
    'const made: Codec[] = [];',
    ...types.map((type, index) => codecOf(type, index)),
    'export const MESSAGES: Readonly<Record<string, () => Codec>> = {',
    ...types.map((type, index) => `  '${nameOf(type)}': m${index},`),
    '};',
    'export const SERVICES: Readonly<Record<string, readonly Row[]>> = {',
    ...services.map((service) => `  '${nameOf(service)}': [${service.methodsArray.map(rowOf).join(', ')}],`),
    '};',
  ].join('\n');
}

/**
 * The functions that protobufjs would make when a type is used first, made then too: a command uses few types.
 *
 * @param {protobuf.Type} type
 * @param {number} index
 */
function codecOf(type, index) {
  const { encoder, decoder, converter } = protobuf;
  return [
    `function m${index}() {`,
    `if (made[${index}] !== undefined) return made[${index}];`,
    'const types = [];',
    `const codec = made[${index}] = {`,
    `ctor: ${protobuf.Type.generateConstructor(type)},`,
    `encode: ${encoder(type)},`,
    `decode: ${decoder(type)},`,
    `fromObject: ${converter.fromObject(type)},`,
    `toObject: ${converter.toObject(type)},`,
    'fields: new Map(),',
    '};',
    ...linksOf(type),
    'return codec;',
    '}',
  ].join('\n');
}

/** @param {protobuf.Type} type */
function linksOf(type) {
  const used = type.fieldsArray.map(({ resolvedType }) => {
    if (resolvedType instanceof protobuf.Type) return `m${types.indexOf(resolvedType)}()`;
    return resolvedType instanceof protobuf.Enum
      ? `{ values: ${JSON.stringify(resolvedType.valuesById)} }`
      : 'undefined';
  });
  const counted = type.fieldsArray.flatMap((field) => {
    const inner = field.resolvedType instanceof protobuf.Type ? `m${types.indexOf(field.resolvedType)}()` : undefined;
    if (field.map) return `[${field.id}, { fields: new Map(${inner === undefined ? '' : `[[2, ${inner}]]`}) }]`;
    if (inner !== undefined) return `[${field.id}, ${inner}]`;
    return field.repeated && !['string', 'bytes'].includes(field.type) ? `[${field.id}, 'numbers']` : [];
  });
  return [
    ...(used.some((each) => each !== 'undefined') ? [`types.push(${used.join(', ')});`] : []),
    ...counted.map((entry) => `codec.fields.set(${entry.slice(1, -1)});`),
  ];
}

/** @param {protobuf.Method} method */
function rowOf({ name, resolvedRequestType, resolvedResponseType, requestStream = false, responseStream = false }) {
  const [request, response] = [resolvedRequestType, resolvedResponseType].map((type) =>
    types.indexOf(/** @type {any} */ (type)),
  );
  return `{ name: '${name}', request: m${request}, response: m${response}, requestStream: ${requestStream}, responseStream: ${responseStream} }`;
}

/** @param {protobuf.ReflectionObject} object */
function nameOf({ fullName }) {
  return fullName.replace(/^\./, '');
}

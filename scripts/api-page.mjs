// `npm run api`: generates docs/api.md from the comments of the protos. `npm run check` fails if the page is not up to
// date.
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

export const API_PAGE = fileURLToPath(new URL('../docs/api.md', import.meta.url));
const FILES = ['projector', 'objects', 'events', 'tokens', 'page'];

const INTRODUCTION = `# The gRPC API

<!-- Made by \`npm run api\` from the comments in proto/lantern/v1. -->

The package \`lantern.v1\` is served on \`lantern.sock\`, with health, reflection and the services of CSI
([csi.md](csi.md)). The protos are in [proto/](../proto), and programs that use them in [examples/](../examples).

- Over a unix socket the client must send an \`:authority\` that is no path. Where a library sends the path, set it to
  \`localhost\`: in grpc-js and Python the channel option \`grpc.default_authority\`, in Go \`grpc.WithAuthority\`.
- Lists come in pages of at most 3 MiB, less than the 4 MiB that clients accept by default: repeat the call with
  \`page_token\` until \`next_page_token\` is empty. A single object or volume may be larger, up to 80 MiB for a volume
  with contents: raise the client's limit for those. Requests are limited too ([limits.md](limits.md)).
- A stream of events ends with RESOURCE_EXHAUSTED if its reader is too slow: list again, and watch from there.
- Set a deadline. A call that its client has given up has either taken effect as a whole or not at all, and every call
  can be repeated.

## Errors

The message says what was tried, on what, why it failed and what to do. Details of the status name each bad field
(\`google.rpc.BadRequest\`) and a cause for programs (\`google.rpc.ErrorInfo\`, domain \`lantern\`): MISSING_OBJECTS,
STORE_UNSYNCED or POOL_FULL. No message contains a byte of a secret.

| status | meaning |
| --- | --- |
| INVALID_ARGUMENT | the request is wrong; each bad field has its own fault |
| NOT_FOUND | no such volume or object |
| ALREADY_EXISTS | a volume with this id, or an object with this name, exists and differs |
| FAILED_PRECONDITION | the state of this node forbids it, e.g. an object is missing or the target is in use |
| RESOURCE_EXHAUSTED | a limit is reached: of a pool, the store, a message, or a slow reader |
| PERMISSION_DENIED | the role of the client's certificate does not allow it (TCP) |
| ABORTED | somebody changed the same thing meanwhile: read it again, then repeat |
| UNAVAILABLE | the daemon is starting or ending, or its store cannot be reached: repeat later |
| OUT_OF_RANGE | the revision of a watch is compacted: list again |
| DEADLINE_EXCEEDED, CANCELLED | the client's deadline, or the client itself, ended the call |
| DATA_LOSS, INTERNAL | damage, or a fault in Lantern; the daemon's log has more |`;

const TYPES = FILES.flatMap((name) => {
  const source = readFileSync(new URL(`../proto/lantern/v1/${name}.proto`, import.meta.url), 'utf8');
  const { root } = protobuf.parse(source, { keepCase: true, alternateCommentMode: true });
  return /** @type {protobuf.Namespace} */ (root.lookup('lantern.v1')).nestedArray;
});
/** The names of those that have a section. */
const MESSAGES = new Set(
  TYPES.filter((type) => type instanceof protobuf.Type && type.fieldsArray.length > 0).map(({ name }) => name),
);

/** The text of docs/api.md. */
export function makeApiPage() {
  const sections = TYPES.map(sectionOf).filter((section) => section !== undefined);
  return `${[INTRODUCTION, ...sections].join('\n\n')}\n`;
}

/** @param {protobuf.ReflectionObject} type */
function sectionOf(type) {
  if (type instanceof protobuf.Service) return serviceOf(type);
  return type instanceof protobuf.Type && MESSAGES.has(type.name) ? messageOf(type) : undefined;
}

/** @param {protobuf.Service} service */
function serviceOf(service) {
  const rows = service.methodsArray.map(({ name, requestType, responseType, responseStream, comment }) => {
    const response = `${responseStream ? 'stream of ' : ''}${linkTo(responseType)}`;
    return `| \`${name}\` | ${linkTo(requestType)} | ${response} | ${inline(comment ?? '')} |`;
  });
  const table = ['| method | request | response | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
  return `## ${service.name}\n\n${table}`;
}

/** @param {protobuf.Type} message */
function messageOf(message) {
  const rows = message.fieldsArray.map((field) => {
    const notes = [
      field.partOf && isChoice(field.partOf) ? `One of \`${field.partOf.name}\`.` : '',
      field.comment ?? '',
    ];
    return `| \`${field.name}\` | ${typeOf(field)} | ${inline(notes.filter((note) => note !== '').join(' '))} |`;
  });
  const enums = message.nestedArray.filter((nested) => nested instanceof protobuf.Enum);
  return [
    `### ${message.name}`,
    ...(message.comment ? [wrapped(inline(message.comment))] : []),
    ['| field | type | meaning |', '| --- | --- | --- |', ...rows].join('\n'),
    ...enums.map(enumOf),
  ].join('\n\n');
}

/** @param {protobuf.Enum} enumeration */
function enumOf({ name, values, comments }) {
  const rows = Object.keys(values).map((value) => `| \`${value}\` | ${inline(comments[value] ?? '')} |`);
  return [`| ${name} | meaning |`, '| --- | --- |', ...rows].join('\n');
}

/** proto3's \`optional\` is a oneof of its own, which nobody wrote. @param {protobuf.OneOf} oneof */
function isChoice(oneof) {
  return !oneof.name.startsWith('_');
}

/** @param {protobuf.Field} field */
function typeOf(field) {
  if (field instanceof protobuf.MapField) return `map of ${field.keyType} to ${linkTo(field.type)}`;
  const isOptional = field.partOf !== null && !isChoice(field.partOf);
  return `${field.repeated ? 'list of ' : ''}${isOptional ? 'optional ' : ''}${linkTo(field.type)}`;
}

/** @param {string} type */
function linkTo(type) {
  const message = type.split('.')[0] ?? '';
  return MESSAGES.has(message) ? `[${type}](#${message.toLowerCase()})` : type;
}

/** @param {string} text */
function wrapped(text) {
  return text.replaceAll(/(.{1,120})(?: |$)/g, '$1\n').trimEnd();
}

/** @param {string} comment */
function inline(comment) {
  return comment.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;').trim();
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  writeFileSync(API_PAGE, makeApiPage());
}

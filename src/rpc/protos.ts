import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type GrpcObject, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type Options, type PackageDefinition } from '@grpc/proto-loader';
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

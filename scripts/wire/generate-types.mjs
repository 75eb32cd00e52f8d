// Generates TypeScript types for the wire messages into src/rpc/generated. Each build makes them; they are not
// committed: the .proto files are the one source, so there is nothing that could drift.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { protoPath as healthProto } from 'grpc-health-check';

const top = join(dirname(fileURLToPath(import.meta.url)), '../..');
const require = createRequire(import.meta.url);
const loader = dirname(require.resolve('@grpc/proto-loader/package.json'));
const outDir = process.argv[2] ?? join(top, 'src/rpc/generated');

rmSync(outDir, { recursive: true, force: true });
execFileSync(
  process.execPath,
  [
    join(loader, 'build/bin/proto-loader-gen-types.js'),
    // These must agree with CONVERSION in src/rpc/protos.ts; a test compares both.
    '--longs=Number',
    '--enums=String',
    '--defaults',
    '--arrays',
    '--oneofs',
    '--grpcLib=@grpc/grpc-js',
    '--importFileExtension=.ts',
    `--includeDirs=${join(top, 'proto')}`,
    `--outDir=${outDir}`,
    'csi/v1/csi.proto',
    'lantern/v1/projector.proto',
    'lantern/v1/objects.proto',
    'lantern/v1/events.proto',
    'lantern/v1/tokens.proto',
    'lantern/v1/page.proto',
    healthProto,
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);

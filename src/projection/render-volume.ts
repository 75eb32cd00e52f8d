import type { Payload } from '../payload/payload.ts';
import type { TokenIssuer } from '../tokens/token-signer.ts';
import { createMemoryFileSystem } from '../volume/memory-file-system.ts';
import { readingTree, type TreeEntry } from '../volume/tree.ts';
import { VolumeWriter } from '../volume/volume-writer.ts';
import { NO_PROVENANCE } from './live-volume.ts';
import { projectVolume } from './project-volume.ts';
import type { RenderRequest } from './projector.ts';
import type { Stages } from './stages.ts';

const DIRECTORY = '/volume';

/** Stands in for a token: a dry run gives nobody a credential. */
const NO_TOKENS: TokenIssuer = {
  issuer: '',
  async issue({ audiences: [audience = ''], expirationSeconds }) {
    const whose = audience === '' ? 'the default audience' : `the audience "${audience}"`;
    const token = `(a dry run issues no token; a token for ${whose}, good for ${expirationSeconds} s, would be here)`;
    return { token, issuedAt: 0, expiresAt: 8.64e15 };
  },
  vouchesFor: async () => false,
};

/**
 * The tree a volume would have: the same flow and the same writer, in memory. The host is not touched. Where the daemon
 * would issue a token there is a notice in parentheses instead, so that file has another size than it would have.
 */
export async function renderVolume(
  request: RenderRequest,
  stages: Stages,
  signal: AbortSignal,
): Promise<readonly TreeEntry[]> {
  const fs = createMemoryFileSystem();
  fs.mkdir(DIRECTORY, 0o755);
  using writer = new VolumeWriter({ fs, directory: DIRECTORY, clock: stages.clock });
  const target = {
    write: (payload: Payload) => stages.slices.run(writer.writing(payload)),
    follow: () => {},
    provenance: NO_PROVENANCE,
    tokens: new Map(),
  };
  await projectVolume(request, target, { ...stages, tokens: NO_TOKENS }, signal);
  return await stages.slices.run(readingTree(fs, DIRECTORY, { withContents: request.withContents }));
}

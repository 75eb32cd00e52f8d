import { createMemoryFileSystem } from '../volume/memory-file-system.ts';
import { readTree, type TreeEntry } from '../volume/tree.ts';
import { VolumeWriter } from '../volume/volume-writer.ts';
import { NO_PROVENANCE } from './live-volume.ts';
import { projectVolume } from './project-volume.ts';
import type { RenderRequest } from './projector.ts';
import type { Stages } from './stages.ts';

const DIRECTORY = '/volume';

/** The tree a volume would have: the same flow and the same writer, in memory. The host is not touched. */
export async function renderVolume(
  request: RenderRequest,
  stages: Stages,
  signal: AbortSignal,
): Promise<readonly TreeEntry[]> {
  const fs = createMemoryFileSystem();
  fs.mkdir(DIRECTORY, 0o755);
  using writer = new VolumeWriter({ fs, directory: DIRECTORY, clock: stages.clock });
  const target = {
    write: writer.write.bind(writer),
    follow: () => {},
    provenance: NO_PROVENANCE,
  };
  await projectVolume(request, target, stages, signal);
  return readTree(fs, DIRECTORY, { withContents: request.withContents });
}

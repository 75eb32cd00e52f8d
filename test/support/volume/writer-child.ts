import { systemClock } from '../../../src/base/clock.ts';
import { nodeFileSystem } from '../../../src/volume/file-system.ts';
import { VolumeWriter } from '../../../src/volume/volume-writer.ts';
import { versionedPayload } from './versioned-payload.ts';

/** Writes version after version until it is killed. Arguments: the directory, the first version. */
const [, , directory = '', first = '0'] = process.argv;

const writer = new VolumeWriter({ fs: nodeFileSystem, directory, clock: systemClock });
for (let version = Number(first); ; version++) {
  writer.write(versionedPayload(version));
  if (version % 7 === 0) writer.retireNow();
}

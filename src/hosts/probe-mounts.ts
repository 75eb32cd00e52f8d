import { existsSync, realpathSync } from 'node:fs';
import { type BindProbe, obstacleOf, probeBind } from '../mount/probe-bind.ts';
import { leaveMountNamespace, MS_NODEV, MS_NOSUID, mount } from '../mount/system-calls.ts';

/** Directories that the scratch file system may cover; one of them is everywhere. */
const PLACES: readonly string[] = ['/dev/shm', '/tmp', '/run', '/mnt'];

/**
 * Tries what the bind publisher does, in a mount namespace of its own, on a file system that is seen there alone. For a
 * process that ends afterwards: its main thread does not come back, and everything it mounted goes with it.
 */
export function probeMounts(): BindProbe {
  const place = PLACES.find((path) => existsSync(path));
  if (place === undefined) return { works: false, obstacle: `there is none of ${PLACES.join(', ')} to mount on` };
  try {
    leaveMountNamespace();
    const directory = realpathSync(place);
    mount('lantern-doctor', directory, 'tmpfs', MS_NOSUID | MS_NODEV, 'size=1m,mode=0700');
    return probeBind(directory);
  } catch (error) {
    return { works: false, obstacle: obstacleOf(error) };
  }
}

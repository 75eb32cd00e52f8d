import { spawnSync } from 'node:child_process';

export const isRoot = process.getuid?.() === 0;

/** Whether mounting works, found out in a mount namespace that ends with the command. Root in a container often may not. */
export const mayMount =
  isRoot &&
  spawnSync('unshare', ['--mount', 'sh', '-c', 'mount -t tmpfs lantern-probe /tmp'], { stdio: 'ignore' }).status === 0;

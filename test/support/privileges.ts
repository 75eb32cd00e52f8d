import { mayMount as findOut } from '../../scripts/prerequisites.mjs';

export const isRoot = process.getuid?.() === 0;

/** Whether mounting works, found out by mounting. Root in a container often may not. */
export const mayMount = findOut();

// `npm run seccomp`: makes deploy/security/seccomp.json, the system calls that the daemon's container may use, of the
// engine's default and the named calls below. The default comes from a published module of the engine's, through Go;
// the conformance suite notices when the file is not what this makes. What is only observed to be called is not the
// measure: the next Node calls something else.
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const TOP = fileURLToPath(new URL('..', import.meta.url));
const MODULE = fileURLToPath(new URL('seccomp', import.meta.url));
const PROFILE = fileURLToPath(new URL('../deploy/security/seccomp.json', import.meta.url));

/** Calls beyond the default: for pools, publications, and the namespace in which `lantern doctor` tries to mount. */
export const CALLS_FOR_MOUNTING = ['mount', 'mount_setattr', 'move_mount', 'open_tree', 'umount2', 'unshare'];
/** In the default of today's engine, and not in those of some years ago: named, so that they stay. */
export const CALLS_FOR_PATHS = ['openat2', 'statx'];

/** Lantern's processors: see src/mount/linux/system-calls.ts. */
const PROCESSORS = new Map([
  ['amd64', 'SCMP_ARCH_X86_64'],
  ['arm64', 'SCMP_ARCH_AARCH64'],
]);

/**
 * The part of the engine's format that is read here.
 *
 * @typedef {{ caps?: readonly string[], arches?: readonly string[], minKernel?: string }} Condition
 * @typedef {{ index: number, value: number, valueTwo?: number, op: string }} Argument
 * @typedef {{ names: readonly string[], action: string, errnoRet?: number, args?: readonly Argument[], includes?: Condition, excludes?: Condition }} Rule
 * @typedef {{ defaultAction: string, defaultErrnoRet?: number, syscalls: readonly Rule[] }} EngineProfile
 */

/**
 * Without conditions, which only the engine knows: containerd reads the same file and would take what goes with any
 * capability for allowed. What the default gives to those who have CAP_SYS_ADMIN (bpf, perf_event_open, new namespaces
 * by clone, …) stays out.
 *
 * @param {EngineProfile} standard
 */
export function lanternProfile({ defaultAction, defaultErrnoRet, syscalls }) {
  const rules = syscalls.filter(({ includes = {}, excludes = {} }) => {
    const isOurs = [...PROCESSORS.keys()].some((processor) => includes.arches?.includes(processor) ?? true);
    const isElsewhere = [...PROCESSORS.keys()].some((processor) => excludes.arches?.includes(processor));
    return isOurs && !isElsewhere && includes.caps === undefined;
  });
  return {
    defaultAction,
    ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
    architectures: [...PROCESSORS.values()],
    syscalls: [
      ...rules.map(({ names, action, errnoRet, args }) => ({
        names,
        action,
        ...(errnoRet === undefined ? {} : { errnoRet }),
        ...(args === undefined || args === null ? {} : { args }),
      })),
      { names: [...CALLS_FOR_MOUNTING, ...CALLS_FOR_PATHS].sort(), action: 'SCMP_ACT_ALLOW' },
    ],
  };
}

/** The profile's text as it has to be. Needs Go. */
export function makeProfile() {
  const standard = outputOf('go', ['run', '-mod=readonly', '.'], { cwd: MODULE });
  const text = JSON.stringify(lanternProfile(JSON.parse(standard)), null, 2);
  const biome = fileURLToPath(new URL('../node_modules/@biomejs/biome/bin/biome', import.meta.url));
  return outputOf(process.execPath, [biome, 'format', `--stdin-file-path=${PROFILE}`], { cwd: TOP, input: text });
}

/** True if deploy/security/seccomp.json is up to date. */
export function isProfileCurrent() {
  return readFileSync(PROFILE, 'utf8') === makeProfile();
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, input?: string }} options
 */
function outputOf(command, args, options) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', ...options });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stderr.trim()}`);
  return stdout;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  writeFileSync(PROFILE, makeProfile());
}

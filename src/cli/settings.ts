import { closeSync, existsSync, constants as fs, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { type Fault, invalid, LanternError, toLanternError } from '../base/errors.ts';
import { faulty, isFields, orThrow, type Parsed, parsed, parseJson, unknownField, wrongType } from '../base/parsed.ts';
import { checkRunDirectory, defaultRunDirectory } from '../config/run-directory.ts';
import { parseNamespace } from '../objects/names.ts';
import type { Cli } from './command.ts';

export const SETTING_NAMES = ['namespace', 'socket'] as const;
export type SettingName = (typeof SETTING_NAMES)[number];

/** In this order: the first that names a value wins. */
type Origin = 'flag' | 'environment' | 'file' | 'default';

export type Setting = { readonly value: string; readonly from: Origin };

export type KeptSettings = Partial<Readonly<Record<SettingName, string>>>;

const ENVIRONMENT = { namespace: 'LANTERN_NAMESPACE', socket: 'LANTERN_SOCKET' } as const;

/** `given`: the value of the flag. Errors as `readKeptSettings`. */
export function settingOf(cli: Cli, name: SettingName, given: string | undefined): Setting {
  if (given !== undefined) return { value: given, from: 'flag' };
  // Empty means unset, as in other variables.
  const value = cli.environment[ENVIRONMENT[name]] || undefined;
  if (value !== undefined) {
    if (name === 'namespace') orThrow(parseNamespace(value, ENVIRONMENT.namespace));
    return { value, from: 'environment' };
  }
  const kept = readKeptSettings(cli)[name];
  return kept === undefined ? { value: defaultOf(cli, name), from: 'default' } : { value: kept, from: 'file' };
}

function defaultOf(cli: Cli, name: SettingName): string {
  if (name === 'namespace') return 'default';
  const directory = defaultRunDirectory(cli.user, cli.environment);
  const faults = checkRunDirectory(directory, cli.user);
  if (faults.length > 0) throw invalid(faults);
  return join(directory, 'lantern.sock');
}

/** Undefined for a user without a home. */
export function settingsFile({ environment }: Pick<Cli, 'environment'>): string | undefined {
  const { XDG_CONFIG_HOME: configured, HOME: home } = environment;
  if (configured?.startsWith('/')) return join(configured, 'lantern/config.json');
  return home?.startsWith('/') ? join(home, '.config/lantern/config.json') : undefined;
}

/**
 * The settings that `lantern config set` keeps; none without a file. `failed-precondition` for a file that others can
 * write to: it says which daemon gets the user's Secrets. `invalid-argument` has all faults of the file.
 */
export function readKeptSettings(cli: Pick<Cli, 'environment' | 'user'>): KeptSettings {
  const path = settingsFile(cli);
  // A home that this user cannot enter is another user's, as for a container's process with the HOME of root.
  if (path === undefined || !existsSync(path)) return {};
  const settings = parseSettings(readOwnFile(path, cli.user.uid));
  if (settings.ok) return settings.value;
  throw invalid(settings.faults.map(({ field, message }) => ({ field: `${path}${field && `: ${field}`}`, message })));
}

const MAX_BYTES = 16 * 1024;
const WRITE_BY_OTHERS = 0o022;

function readOwnFile(path: string, uid: number): string {
  let file: number | undefined;
  try {
    // Opening a pipe would block.
    file = openSync(path, fs.O_RDONLY | fs.O_NONBLOCK);
    const problem = problemOf(fstatSync(file), uid);
    if (problem !== undefined) throw new LanternError('failed-precondition', `read settings of "${path}": ${problem}`);
    const bytes = Buffer.alloc(MAX_BYTES);
    return bytes.toString('utf8', 0, readSync(file, bytes));
  } catch (error) {
    throw toLanternError(error, `read settings of "${path}"`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The open file is asked: a link may lead to it. */
function problemOf(stats: Stats, uid: number): string | undefined {
  if (!stats.isFile()) return 'it is not a regular file; remove it';
  if (stats.uid !== 0 && stats.uid !== uid) {
    return `it belongs to user ${stats.uid}; set HOME to your own (with sudo: "sudo -H"), or set XDG_CONFIG_HOME`;
  }
  if ((stats.mode & WRITE_BY_OTHERS) !== 0) return 'others can write to it; chmod it to 0600';
  return stats.size > MAX_BYTES ? `its ${stats.size} bytes exceed 16 KiB; remove what is not a setting` : undefined;
}

function parseSettings(text: string): Parsed<KeptSettings> {
  const json = parseJson(text);
  if (!json.ok) return faulty([{ field: '', message: 'is not JSON; write {"namespace": "shop"}, or remove the file' }]);
  if (!isFields(json.value)) return faulty([{ field: '', message: wrongType('a mapping', json.value) }]);
  const settings: Partial<Record<SettingName, string>> = {};
  const faults: Fault[] = [];
  for (const [key, value] of Object.entries(json.value)) {
    const name = SETTING_NAMES.find((known) => known === key);
    const result = name === undefined ? unknownSetting(key) : parseSetting(name, value, name);
    if (!result.ok) faults.push(...result.faults);
    else if (name !== undefined) settings[name] = result.value;
  }
  return faults.length > 0 ? faulty(faults) : parsed(settings);
}

function unknownSetting(field: string): Parsed<string> {
  return faulty([{ field, message: unknownField(field, SETTING_NAMES) }]);
}

/** A relative path would lead elsewhere in another directory. */
export function parseSetting(name: SettingName, value: unknown, field: string): Parsed<string> {
  if (typeof value !== 'string') return faulty([{ field, message: wrongType('a string', value) }]);
  if (name === 'namespace') return parseNamespace(value, field);
  return value.startsWith('/') ? parsed(value) : faulty([{ field, message: 'must be an absolute path' }]);
}

import type { Fault } from '../base/errors.ts';
import { faulty, type Parsed, parsed } from '../base/parsed.ts';
import { parseDataKey, parseObjectName } from './names.ts';
import type { UnitCredentialsBody } from './object.ts';

const MAX_UNITS = 100;
const MAX_CREDENTIALS = 100;

/** systemd's limit for the name of a unit. */
const MAX_UNIT_BYTES = 255;
/** The kinds of units that run programs, and so can have credentials. */
const UNIT = /^[A-Za-z0-9:_.\\@-]*\*?[A-Za-z0-9:_.\\@-]*\.(?:service|socket|mount|swap)$/;

/** The name of a unit, in which one `*` stands for any characters, also for none: `web@*.service`. */
export function parseUnitPattern(text: string, field: string): Parsed<string> {
  if (text.length <= MAX_UNIT_BYTES && UNIT.test(text)) return parsed(text);
  const message =
    'must be a service, socket, mount or swap unit of systemd, such as "app.service" or "web@*.service", with one "*" at most';
  return faulty([{ field, message }]);
}

export function matchesUnit(pattern: string, unit: string): boolean {
  const [before = '', after] = pattern.split('*');
  if (after === undefined) return pattern === unit;
  return unit.length >= before.length + after.length && unit.startsWith(before) && unit.endsWith(after);
}

/** All faults of the body's values; its shape is already checked. */
export function validateUnitCredentials({ units, credentials }: UnitCredentialsBody): Fault[] {
  const faults: Fault[] = [];
  const note = (result: Parsed<unknown>) => {
    if (!result.ok) faults.push(...result.faults);
  };
  const limit = (field: string, { length }: readonly unknown[], most: number) => {
    if (length === 0) faults.push({ field, message: 'must not be empty' });
    if (length > most)
      faults.push({ field, message: `must have no more than ${most} entries; make several objects of it` });
  };
  limit('spec.units', units, MAX_UNITS);
  limit('spec.credentials', credentials, MAX_CREDENTIALS);
  if (faults.length > 0) return faults;
  for (const [index, unit] of units.entries()) note(parseUnitPattern(unit, `spec.units[${index}]`));
  const names = new Set<string>();
  for (const [index, { name, source }] of credentials.entries()) {
    const field = `spec.credentials[${index}]`;
    // Every such name is also one for systemd.
    note(parseDataKey(name, `${field}.name`));
    if (names.has(name)) faults.push({ field: `${field}.name`, message: 'an earlier credential has this name' });
    names.add(name);
    const reference = `${field}.${source.kind === 'Secret' ? 'secretKeyRef' : 'configMapKeyRef'}`;
    note(parseObjectName(source.name, `${reference}.name`));
    note(parseDataKey(source.key, `${reference}.key`));
  }
  return faults;
}

import { listFaults, wrongUsage } from './exit.ts';

/** The selectable fields of an object or event, by their paths. */
type Selectable<T> = Readonly<Record<string, (item: T) => string>>;

const REQUIREMENT = /^([^=!]+)(==|=|!=)([^=!]*)$/;

/** Parses `metadata.name=db,type!=Opaque`, as kubectl does. Throws `wrongUsage` with all faults. */
export function fieldSelectorOf<T>(selector: string | undefined, fields: Selectable<T>): (item: T) => boolean {
  const faults: string[] = [];
  const tests = (selector?.split(',') ?? []).flatMap((text) => {
    const [, name = '', operator = '', value = ''] = REQUIREMENT.exec(text) ?? [];
    const read = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (read !== undefined) return [(item: T) => (read(item) === value) === (operator !== '!=')];
    if (name === '') faults.push(`"${text}" must be FIELD=VALUE, FIELD==VALUE or FIELD!=VALUE`);
    else faults.push(`"${name}" cannot be selected by; known here: ${Object.keys(fields).join(', ')}`);
    return [];
  });
  if (faults.length > 0) {
    throw wrongUsage(listFaults(faults.map((message) => ({ field: '--field-selector', message }))));
  }
  return (item) => tests.every((test) => test(item));
}

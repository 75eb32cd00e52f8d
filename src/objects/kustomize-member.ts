import type { Fault } from '../base/errors.ts';
import { type Fields, isFields } from '../base/fields.ts';
import { OBJECT_KINDS } from './object.ts';

/** What tells one object from another. */
export type Identity = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
};

/** An object on its way through a kustomization: its manifest as it stands now, and what it was called before. */
export type Member = {
  readonly raw: Fields;
  /** Where it comes from, for messages. */
  readonly place: string;
  /** Its namespace while it names none. */
  readonly home: string;
  /** Oldest first. References, patches and generators may mean it by any of them. */
  readonly earlier: readonly Identity[];
  /** In the order in which they were put on. */
  readonly prefixes: readonly string[];
  readonly suffixes: readonly string[];
  /** Whether its final name tells its contents. */
  readonly hasHash: boolean;
};

/** `keep`: an object that is kept here, or a Pod. `pass`: any other, which is only printed again. */
export type Role = 'keep' | 'pass';

export function newMember(raw: Fields, place: string, home: string, hasHash: boolean): Member {
  return { raw, place, home, earlier: [], prefixes: [], suffixes: [], hasHash };
}

export function identityOf({ raw, home }: Pick<Member, 'raw' | 'home'>): Identity {
  const { name, namespace } = metadataOf(raw);
  return {
    apiVersion: textOf(raw.apiVersion),
    kind: textOf(raw.kind),
    namespace: textOf(namespace) || home,
    name: textOf(name),
  };
}

/** Whether it is called so, or ever was. */
export function hasName(member: Member, wanted: Identity): boolean {
  return [...member.earlier, identityOf(member)].some((identity) => keyOf(identity) === keyOf(wanted));
}

/** For people: `Deployment "web"`. */
export function describeMember(member: Member): string {
  const { kind, name } = identityOf(member);
  return `${kind} "${name}"`;
}

export function roleOf(raw: Fields): Role {
  const isKept = [...OBJECT_KINDS, 'Pod'].some((kind) => kind === raw.kind);
  return isKept && (raw.apiVersion === 'v1' || raw.kind === 'ProjectedVolume') ? 'keep' : 'pass';
}

export function metadataOf(raw: Fields): Fields {
  return isFields(raw.metadata) ? raw.metadata : {};
}

/** With these fields in its metadata; those that are undefined go. */
export function withMetadata(member: Member, fields: Fields): Member {
  const all = Object.entries({ ...metadataOf(member.raw), ...fields });
  return {
    ...member,
    raw: { ...member.raw, metadata: Object.fromEntries(all.filter(([, value]) => value !== undefined)) },
  };
}

/** With other contents; what it is called at the moment is remembered. */
export function changed(member: Member, raw: Fields): Member {
  return { ...member, raw, earlier: [...member.earlier, identityOf(member)] };
}

export function renamed(member: Member, name: string): Member {
  return withMetadata(changed(member, member.raw), { name });
}

/** The first of each identity, and a fault for each other. */
export function withoutRepeated(members: readonly Member[]): { readonly unique: Member[]; readonly faults: Fault[] } {
  const seen = new Set<string>();
  const unique: Member[] = [];
  const faults: Fault[] = [];
  for (const member of members) {
    const identity = identityOf(member);
    const { kind, namespace, name } = identity;
    if (seen.has(keyOf(identity)))
      faults.push({ field: `${kind} ${namespace}/${name}`, message: 'is there more than once' });
    else unique.push(member);
    seen.add(keyOf(identity));
  }
  return { unique, faults };
}

function keyOf({ apiVersion, kind, namespace, name }: Identity): string {
  return JSON.stringify([apiVersion, kind, namespace, name]);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

import type { Fault } from '../../base/errors.ts';
import { faulty, type Parsed } from '../../base/parsed.ts';
import { withoutNulls } from '../../objects/declared.ts';
import type { EnvNameRule } from '../../objects/env-names.ts';
import type { DocumentText } from '../../objects/manifest/documents.ts';
import { parseManifestDocument } from '../../objects/manifest/parse-manifest.ts';
import { parseSpecText } from '../../objects/manifest/yaml.ts';
import { describeRef, type ObjectDraft, refOf } from '../../objects/object.ts';
import { admitObject } from '../admit-object.ts';
import { type ContainerEnv, parseContainerEnv } from '../container-env.ts';
import { parseVolumeSource } from '../parse-volume-source.ts';
import { type Pod, parsePodText } from '../pod/pod.ts';
import type { VolumeSpec } from '../volume-spec.ts';

/** The admitted objects of one document of a manifest; see `ManifestPart`. */
type AdmittedPart = {
  readonly count: number;
  readonly drafts: readonly ObjectDraft[];
  /** How many of its objects are of kinds that are not kept. */
  readonly others: number;
  readonly faults: readonly Fault[];
};

type ManifestInput = { readonly document: DocumentText; readonly before: number; readonly defaultNamespace: string };
type PodInput = {
  readonly text: string;
  readonly defaultNamespace: string;
  readonly field: string;
  readonly names: EnvNameRule;
};
type RawInput = { readonly raw: unknown; readonly root: string };
type EnvironmentInput = RawInput & { readonly names: EnvNameRule };

/**
 * Everything whose input may be large, by name. Inputs and outputs are plain data (maps and bytes among it), so that
 * they can go to another thread and come back.
 */
const TASKS = {
  pod: ({ text, defaultNamespace, field, names }: PodInput): Parsed<Pod> =>
    capped(parsePodText(text, defaultNamespace, field, names)),
  source: ({ raw, root }: RawInput): Parsed<VolumeSpec> => capped(parseVolumeSource(raw, root)),
  environment: ({ raw, root, names }: EnvironmentInput): Parsed<ContainerEnv> =>
    capped(parseContainerEnv(raw, root, names)),
  object: (draft: ObjectDraft): Parsed<ObjectDraft> => capped(admitObject(draft)),
  spec: (text: string): Parsed<unknown> => parseSpecText(text),
  manifest: ({ document, before, defaultNamespace }: ManifestInput): AdmittedPart => {
    const { count, documents, faults: found } = parseManifestDocument(document, before, { defaultNamespace });
    const faults = [...found];
    const drafts: ObjectDraft[] = [];
    for (const each of documents) {
      if (each.kind !== 'object') continue;
      const whole = withoutNulls(each);
      const admitted = whole.ok ? admitObject(withoutVersion(whole.value)) : whole;
      if (admitted.ok) drafts.push(admitted.value);
      else faults.push(...inObject(each.draft, admitted.faults));
    }
    return { count, drafts, others: documents.filter(({ kind }) => kind === 'other').length, faults };
  },
};

export type ParseTask = keyof typeof TASKS;
export type ParseInput<Task extends ParseTask> = Parameters<(typeof TASKS)[Task]>[0];
export type ParseOutput<Task extends ParseTask> = ReturnType<(typeof TASKS)[Task]>;

/** A file declares the wanted state, whatever version the object had when the file was written. */
function withoutVersion(draft: ObjectDraft): ObjectDraft {
  const { resourceVersion: _, ...metadata } = draft.metadata;
  return { ...draft, metadata };
}

/** Of an object of a manifest, with its name. */
function inObject(draft: ObjectDraft, faults: readonly Fault[]): readonly Fault[] {
  const subject = describeRef(refOf(draft));
  return faults.map(({ field, message }) => ({ field: field === '' ? subject : `${subject}: ${field}`, message }));
}

/** No answer shows more, and another thread would have to hand them over. */
const MAX_FAULTS = 100;

function capped<T>(result: Parsed<T>): Parsed<T> {
  if (result.ok || result.faults.length <= MAX_FAULTS) return result;
  const more = { field: '', message: `and ${result.faults.length - MAX_FAULTS} more` };
  return faulty([...result.faults.slice(0, MAX_FAULTS), more]);
}

/** The task, done here and now. */
export function parseNow<Task extends ParseTask>(task: Task, input: ParseInput<Task>): ParseOutput<Task> {
  const run = TASKS[task] as (input: ParseInput<Task>) => ParseOutput<Task>;
  return run(input);
}

/**
 * Parses what came from outside and is within its limits (`docs/limits.md`). What that costs is up to the input: a
 * second of processor time for the largest.
 */
export interface Parser {
  /**
   * Rejects with the signal's reason, or with `resource-exhausted` when the input takes more memory or time than there
   * is.
   */
  run<Task extends ParseTask>(task: Task, input: ParseInput<Task>, signal: AbortSignal): Promise<ParseOutput<Task>>;
}

/** Parses at once, on the thread that asks: for a process that has nobody waiting. */
export const parserHere: Parser = {
  async run(task, input) {
    return parseNow(task, input);
  },
};

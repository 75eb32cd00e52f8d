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

/** See `ManifestPart`. */
type AdmittedPart = {
  readonly count: number;
  readonly drafts: readonly ObjectDraft[];
  /** Number of objects whose kinds are not kept. */
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

/** All parsers of large input. Inputs and outputs are plain data (with maps and bytes), which threads can exchange. */
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

/** A file declares the wanted state, regardless of the object's version when it was written. */
function withoutVersion(draft: ObjectDraft): ObjectDraft {
  const { resourceVersion: _, ...metadata } = draft.metadata;
  return { ...draft, metadata };
}

function inObject(draft: ObjectDraft, faults: readonly Fault[]): readonly Fault[] {
  const subject = describeRef(refOf(draft));
  return faults.map(({ field, message }) => ({ field: field === '' ? subject : `${subject}: ${field}`, message }));
}

/** No response shows more, and a thread would have to transfer them. */
const MAX_FAULTS = 100;

function capped<T>(result: Parsed<T>): Parsed<T> {
  if (result.ok || result.faults.length <= MAX_FAULTS) return result;
  const more = { field: '', message: `and ${result.faults.length - MAX_FAULTS} more` };
  return faulty([...result.faults.slice(0, MAX_FAULTS), more]);
}

export function parseNow<Task extends ParseTask>(task: Task, input: ParseInput<Task>): ParseOutput<Task> {
  const run = TASKS[task] as (input: ParseInput<Task>) => ParseOutput<Task>;
  return run(input);
}

/** Parses external input within its limits (`docs/limits.md`), which takes up to a second of processor time. */
export interface Parser {
  /** Rejects with the signal's reason, or with `resource-exhausted` if the input takes too much memory or time. */
  run<Task extends ParseTask>(task: Task, input: ParseInput<Task>, signal: AbortSignal): Promise<ParseOutput<Task>>;
}

/** Parses on the calling thread, for a process in which nothing else waits. */
export const parserHere: Parser = {
  async run(task, input) {
    return parseNow(task, input);
  },
};

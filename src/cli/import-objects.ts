import { type Fault, invalid, LanternError } from '../base/errors.ts';
import { draftOf } from '../objects/draft-of.ts';
import { describeRef, OBJECT_KINDS, type ObjectKind, refKey, refOf, type StoredObject } from '../objects/object.ts';
import type { LanternClient } from '../rpc/client.ts';
import { admitObject } from '../sources/admit-object.ts';
import type { Archive } from '../sources/archive.ts';
import { isSigningKeys, keyIdsOf, keySetIn } from '../sources/moved-signing-keys.ts';
import type { Cli } from './cli.ts';
import { PARTLY_FAILED } from './exit.ts';
import { Importer, type ImportMode, type ImportOutcome } from './importer.ts';
import { nameOfKind } from './kinds.ts';
import { printable } from './output/printable.ts';

/** How many objects are on their way at a time; each holds 1 MiB of values at most, and its call listens to the signal. */
const WIDTH = 8;
const MOST_FAULTS = 100;

/** What the whole archive was found to hold. */
export type CheckedArchive = { readonly archive: Archive; readonly keyIds: readonly string[] };

/** How many objects of each kind came to what. */
type Summary = Map<ObjectKind, Map<ImportOutcome, number>>;

/**
 * Reads the archive to its end: `data-loss` when any of it is damaged, `invalid-argument` with every fault when it holds
 * what no store may, or an object twice. Holds a name per object.
 */
export async function checkArchive(archive: Archive): Promise<CheckedArchive> {
  const seen = new Set<string>();
  const faults: Fault[] = [];
  let keyIds: readonly string[] = [];
  for await (const object of archive.objects()) {
    const ref = refOf(object);
    const admitted = admit(object);
    const isTwice = seen.has(refKey(ref));
    seen.add(refKey(ref));
    const twice = isTwice ? [{ field: '', message: 'is in the archive more than once' }] : [];
    for (const { field, message } of [...admitted, ...twice]) {
      if (faults.length < MOST_FAULTS)
        faults.push({ field: [describeRef(ref), field].filter(Boolean).join(': '), message });
    }
    if (isSigningKeys(ref)) keyIds = keyIdsOf(await keySetIn(object));
  }
  if (faults.length > 0) throw invalid(faults);
  return { archive, keyIds };
}

function admit(object: StoredObject): readonly Fault[] {
  try {
    const admitted = admitObject(draftOf(object));
    return admitted.ok ? [] : admitted.faults;
  } catch (error) {
    // Only whoever has the key can nest a spec deeper than the stack.
    if (error instanceof RangeError) return [{ field: 'spec', message: 'is nested too deeply' }];
    throw error;
  }
}

/** Stores what was checked, or with `dryRun` says what that would come to. Throws `PARTLY_FAILED` when it was not all. */
export async function importObjects(
  cli: Cli,
  daemon: LanternClient,
  { archive, keyIds }: CheckedArchive,
  { mode, dryRun }: { readonly mode: ImportMode; readonly dryRun: boolean },
): Promise<void> {
  const known = await keyIdsHere(daemon, cli.signal);
  const importer = new Importer(daemon, { mode, keyIds: [...keyIds, ...known], now: cli.clock.now() }, cli.signal);
  if (dryRun || mode === 'refuse') {
    const plan = await inTurn(cli, archive, (object) => importer.plan(object));
    if (dryRun) printSummary(cli, plan.summary, ' (dry run)');
    if (!plan.isWell && mode === 'refuse') throw refusal(plan.summary);
    if (!plan.isWell) throw PARTLY_FAILED;
    if (dryRun) return;
  }
  const { summary, isWell } = await inTurn(cli, archive, (object) => importer.carryOut(object));
  printSummary(cli, summary, '');
  if (!isWell) throw PARTLY_FAILED;
}

async function keyIdsHere(daemon: LanternClient, signal: AbortSignal): Promise<string[]> {
  const { jwksJson } = await daemon.tokens.getKeys({}, { signal });
  const { keys } = JSON.parse(jwksJson) as { keys: { kid: string }[] };
  return keys.map(({ kid }) => kid);
}

/**
 * Does something to every object: first to the signing keys, so that a token that comes is known for one of theirs; then
 * to the accounts, without which the daemon would delete their token Secrets; then to all others, several at a time.
 */
async function inTurn(
  cli: Cli,
  archive: Archive,
  action: (object: StoredObject) => Promise<ImportOutcome>,
): Promise<{ readonly summary: Summary; readonly isWell: boolean }> {
  const summary: Summary = new Map();
  let isWell = true;
  const complain = (message: string): void => {
    isWell = false;
    cli.terminal.complain(`lantern: ${printable(message)}`);
  };
  const attempt = async (object: StoredObject): Promise<void> => {
    try {
      const outcome = await action(object);
      const counts = summary.get(object.kind) ?? new Map<ImportOutcome, number>();
      summary.set(object.kind, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
      if (outcome === 'conflict') complain(`${describeRef(refOf(object))} is stored already, and differs`);
    } catch (error) {
      if (!(error instanceof LanternError) || isGeneral(error)) throw error;
      complain(`import ${describeRef(refOf(object))}: ${error.message}`);
    }
  };
  for (const turn of [0, 1, 2]) {
    let batch: StoredObject[] = [];
    for await (const object of archive.objects()) {
      if (turnOf(object) !== turn) continue;
      batch.push(object);
      if (batch.length < WIDTH) continue;
      await Promise.all(batch.map(attempt));
      batch = [];
    }
    await Promise.all(batch.map(attempt));
  }
  return { summary, isWell };
}

function turnOf(object: StoredObject): number {
  if (isSigningKeys(refOf(object))) return 0;
  return object.kind === 'ServiceAccount' ? 1 : 2;
}

/** Every further object would meet it as well. */
function isGeneral({ code }: LanternError): boolean {
  return code === 'unavailable' || code === 'cancelled' || code === 'deadline-exceeded' || code === 'data-loss';
}

function refusal(summary: Summary): LanternError {
  const conflicts = [...summary.values()].reduce((sum, counts) => sum + (counts.get('conflict') ?? 0), 0);
  const advice = conflicts > 0 ? '; --overwrite replaces what is stored, --skip-existing leaves it as it is' : '';
  return new LanternError('failed-precondition', `nothing was imported, because of these objects${advice}`);
}

function printSummary(cli: Cli, summary: Summary, remark: string): void {
  for (const kind of OBJECT_KINDS) {
    const counts = [...(summary.get(kind) ?? [])].sort().map(([outcome, count]) => `${count} ${outcome}`);
    if (counts.length > 0) cli.terminal.print(`${nameOfKind(kind).plural}: ${counts.join(', ')}${remark}`);
  }
  if (summary.size === 0) cli.terminal.print(`nothing to import${remark}`);
}

import '../host/drop-privileges.ts';

import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { systemClock } from '../../../src/base/clock.ts';
import { DirectPublisher } from '../../../src/mount/direct/direct-publisher.ts';
import { hardenProcess } from '../../../src/mount/linux/process-calls.ts';
import type { HostedVolume } from '../../../src/mount/publisher.ts';
import { TargetRoots } from '../../../src/mount/targets/target-roots.ts';
import type { MountFlag, RecordedPublication } from '../../../src/volume/record.ts';
import { relativePath } from '../objects/builders.ts';
import { type ContentFile, payloadOf, recordOf, volumeId } from '../volume/volume-content.ts';

/**
 * A process without privileges that holds a DirectPublisher, for DirectDaemon. Arguments: the run directory, and
 * `--allow-disk` or `--direct-in-shared-directories`. One JSON array per line on stdin, command and arguments; one JSON
 * answer per line on stdout.
 */
const [, , runDirectory = '', ...flags] = process.argv;

// As the daemon does it: /proc/self then belongs to root, and the publisher goes through /proc/self/fd.
hardenProcess();

const publisher = new DirectPublisher({
  runDirectory,
  targets: new TargetRoots(['/'], [runDirectory]),
  clock: systemClock,
  allowDisk: flags.includes('--allow-disk'),
  inSharedDirectories: flags.includes('--direct-in-shared-directories'),
});
const volumes = new Map<string, HostedVolume>();

type Files = Readonly<Record<string, ContentFile>>;
type Place = { readonly target: string; readonly subPath?: string | undefined };

const commands = {
  describe: () => ({ kind: publisher.kind, canChangeOwners: publisher.canChangeOwners, cautions: publisher.cautions }),
  resume: () =>
    publisher.resume().map(({ volume, record, inputs, liveTargets }) => {
      volumes.set(record.ok ? record.value.volumeId : volume.directoryName, volume);
      return { record, inputs: [...(inputs?.data.keys() ?? [])], liveTargets, files: volume.files() };
    }),
  open: (id: string) => {
    volumes.set(id, publisher.open(volumeId(id), 'default'));
  },
  clear: (id: string, target: string) => publisher.clear(volumeId(id), target),
  removeAll: () => publisher.removeAll(),
  write: (id: string, files: Files, mountGroup?: number | null) =>
    volume(id).write(payloadOf(files, mountGroup ?? undefined)),
  publish: (id: string, place: Place, mountFlags: readonly MountFlag[] = []) => publish(id, place, mountFlags),
  unpublish: (id: string, target: string) => volume(id).unpublish(target),
  isPublished: (id: string, target: string) => volume(id).isPublished(target),
  generation: (id: string) => volume(id).generation,
  usage: (id: string) => volume(id).usage(),
  saveRecord: (id: string, places: readonly Place[]) =>
    volume(id).saveRecord(recordOf(volumeId(id), places.map(recorded))),
  saveIssued: (id: string, token: string) => {
    const issued = new Map([['', { token, expiresAt: 1, renewAt: 1, bearer: '', terms: '' }]]);
    volume(id).saveInputs({ data: new Map(), tokens: new Map(), issued });
  },
  saveInputs: (id: string, data: Readonly<Record<string, string>> | null) => {
    const bytes = new Map(Object.entries(data ?? {}).map(([key, text]) => [key, Buffer.from(text)]));
    volume(id).saveInputs(data === null ? undefined : { data: bytes, tokens: new Map() });
  },
  remove: (id: string) => volume(id).remove(),
  /** Publishes and unpublishes until this process is killed; one answer for each round. */
  churn: async (id: string, places: readonly Place[]) => {
    for (let turn = 0; ; turn++) {
      answer({ value: turn });
      for (const place of places) await publish(id, place, []);
      await volume(id).write(payloadOf({ 'a/b': `turn ${turn}`, c: `turn ${turn}` }));
      for (const { target } of places) await volume(id).unpublish(target);
    }
  },
} satisfies Record<string, (...values: never[]) => unknown>;

export type DirectCommands = typeof commands;

function volume(id: string): HostedVolume {
  const found = volumes.get(id);
  if (found === undefined) throw new Error(`no volume "${id}"`);
  return found;
}

function publish(id: string, { target, subPath }: Place, mountFlags: readonly MountFlag[]) {
  return volume(id).publish(target, subPath ? relativePath(subPath) : undefined, mountFlags);
}

function recorded({ target, subPath }: Place): Partial<RecordedPublication> {
  return { target, subPath: subPath ? relativePath(subPath) : undefined };
}

function answer(value: unknown): void {
  writeSync(1, `${JSON.stringify(value)}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...values] = JSON.parse(line) as [keyof DirectCommands, ...never[]];
  try {
    const command: (...values: never[]) => unknown = commands[name];
    answer({ value: await command(...values) });
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    answer({ error: { code, message } });
  }
}

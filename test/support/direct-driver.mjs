// A daemon's worth of DirectPublisher for tests: one JSON command per line on stdin, one JSON answer per line on stdout.
// Plain JavaScript, since it runs as a process of its own. Arguments: the compiled sources, the run directory.

import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [, , dist, runDirectory, ...flags] = process.argv;
const load = (path) => import(join(dist, path));
const { DirectPublisher } = await load('mount/direct-publisher.js');
const { TargetRoots } = await load('mount/target.js');
const { systemClock } = await load('base/clock.js');
const { hardenProcess } = await load('mount/process-hardening.js');
const { buildPayload } = await load('payload/build-payload.js');

// As the daemon does it: /proc/self then belongs to root, and the publisher goes through /proc/self/fd.
hardenProcess();

const publisher = new DirectPublisher({
  runDirectory,
  targets: new TargetRoots(['/'], [runDirectory]),
  clock: systemClock,
  allowDisk: flags.includes('--allow-disk'),
});
const volumes = new Map();

const commands = {
  describe: () => ({ kind: publisher.kind, canChangeOwners: publisher.canChangeOwners, cautions: publisher.cautions }),
  resume: () =>
    publisher.resume().map(({ volume, record, inputs, liveTargets }) => {
      volumes.set(record.value?.volumeId ?? volume.directoryName, volume);
      return { directoryName: volume.directoryName, record, inputs, liveTargets, files: volume.files() };
    }),
  open: (id) => {
    volumes.set(id, publisher.open(id, 'default'));
  },
  clear: (id, target) => publisher.clear(id, target),
  removeAll: () => publisher.removeAll(),
  write: (id, files, mountGroup) => volumes.get(id).write(payloadOf(files, mountGroup)),
  publish: (id, target, subPath, mountFlags = []) => volumes.get(id).publish(target, subPath ?? undefined, mountFlags),
  unpublish: (id, target) => volumes.get(id).unpublish(target),
  isPublished: (id, target) => volumes.get(id).isPublished(target),
  generation: (id) => volumes.get(id).generation,
  files: (id) => volumes.get(id).files(),
  usage: (id) => volumes.get(id).usage(),
  saveRecord: (id, publications) => volumes.get(id).saveRecord(recordOf(id, publications)),
  saveInputs: (id, data) => volumes.get(id).saveInputs(data ? inputsOf(data) : undefined),
  remove: (id) => volumes.get(id).remove(),
  // Publishes and takes away until somebody kills this process; an answer per turn.
  churn: (id, targets) => {
    for (let turn = 0; ; turn++) {
      process.stdout.write(`{"value":${turn}}\n`);
      for (const { target, subPath } of targets) volumes.get(id).publish(target, subPath, []);
      volumes.get(id).write(payloadOf({ 'a/b': `turn ${turn}`, c: `turn ${turn}` }));
      for (const { target } of targets) volumes.get(id).unpublish(target);
    }
  },
};

/** `files`: path to text, or to [text, mode, user, group]. */
function payloadOf(files, mountGroup) {
  const entries = Object.entries(files).map(([path, file]) => {
    const [text, mode = 0o644, user, group] = [file].flat();
    return [path, { bytes: Buffer.from(text), mode, user: user ?? undefined, group: group ?? undefined }];
  });
  return buildPayload(new Map(entries), mountGroup ?? undefined);
}

function recordOf(volumeId, publications) {
  return {
    volumeId,
    namespace: 'default',
    definition: { kind: 'inline', spec: { sources: [{ kind: 'request' }], defaultMode: 0o644 } },
    mountGroup: undefined,
    pod: undefined,
    publications: publications.map(({ target, subPath, pinnedGeneration }) => ({
      target,
      subPath,
      pinnedGeneration,
      accessMode: 'SINGLE_NODE_MULTI_WRITER',
      readonly: true,
      mountFlags: [],
    })),
    storeId: 'store',
    objects: new Map(),
  };
}

function inputsOf(data) {
  return { data: new Map(Object.entries(data).map(([key, text]) => [key, Buffer.from(text)])), tokens: new Map() };
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...values] = JSON.parse(line);
  let answer;
  try {
    answer = { value: commands[name](...values) };
  } catch (error) {
    answer = { error: { code: error.code, message: error.message } };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

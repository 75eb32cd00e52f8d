// A process that opens an embedded store and says what it finds, or writes until it is killed:
//   node store-child.js look DIRECTORY KEY-FILE
//   node store-child.js write DIRECTORY KEY-FILE WRITER
import { writeSync } from 'node:fs';
import { LanternError } from '../../../src/base/errors.ts';
import { EmbeddedStore } from '../../../src/stores/embedded/embedded-store.ts';
import { secretDraft } from '../objects/builders.ts';

const [, , task, directory = '', keyFile = '', writer = ''] = process.argv;
const NEVER = new AbortController().signal;

/** Several writers at once, so that commits are shared; each goes on creating, changing and deleting. */
async function write(store: EmbeddedStore): Promise<never> {
  const chains = [0, 1, 2, 3].map(async (chain) => {
    for (let turn = 0; ; turn++) {
      const name = `${writer}-${chain}-${turn}`;
      const options = { createOnly: false, dryRun: false };
      const { object } = await store.apply(secretDraft(name, { turn: `${turn}` }), options, NEVER);
      acknowledge({ name, turn, revision: Number(object.metadata.resourceVersion) });
      if (turn % 3 !== 2) continue;
      await store.delete({ kind: 'Secret', namespace: 'default', name }, undefined, NEVER);
      acknowledge({ name, turn: 'deleted' });
    }
  });
  return await Promise.race(chains);
}

/** Synchronous: the line is in the pipe even if the process is killed next. */
function acknowledge(what: unknown): void {
  writeSync(1, `${JSON.stringify(what)}\n`);
}

try {
  await using store = await EmbeddedStore.open({ directory, keyFiles: [keyFile] });
  if (task === 'write') await write(store);
  const { objects } = await store.list({ kind: 'Secret' }, NEVER);
  acknowledge({ names: objects.map(({ metadata }) => metadata.name) });
} catch (error) {
  if (!(error instanceof LanternError)) throw error;
  acknowledge({ code: error.code, message: error.message });
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { EmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { compiled } from '../support/suite/compiled.ts';
import { TempDir } from '../support/suite/temp-dir.ts';

const KILLS = 12;
const NEVER = new AbortController().signal;

type Acknowledged = { readonly name: string; readonly turn: number | 'deleted'; readonly revision?: number };

test('SIGKILL at any moment: every acknowledged write is there, and revisions go on', async () => {
  const child = compiled('test/support/stores/store-child.ts');
  using directory = new TempDir('/dev/shm');
  const location = { directory: directory.at('data'), keyFiles: [directory.at('key')] };
  const expected = new Map<string, Acknowledged>();
  let newest = 0;
  for (let round = 0; round < KILLS; round++) {
    const acknowledged = await writeUntilKilled(child, location.directory, directory.at('key'), round);
    for (const write of acknowledged) {
      expected.set(write.name, write);
      if (write.revision !== undefined) expect(write.revision).toBeGreaterThan(newest);
    }
    await using store = await EmbeddedStore.open(location);
    const { objects, revision } = await store.list({ kind: 'Secret' }, NEVER);
    const turns = new Map(objects.map((object) => [object.metadata.name, turnOf(object)]));
    for (const { name, turn, revision: at } of expected.values()) {
      if (turn === 'deleted') expect(turns.has(name)).toBe(false);
      // The one after it may be the deletion that was under way.
      else if (turn % 3 !== 2 || turns.has(name))
        expect({ name, turn: turns.get(name) }).toEqual({ name, turn: `${turn}` });
      if (at !== undefined) expect(revision).toBeGreaterThanOrEqual(at);
    }
    expect(revision).toBeGreaterThan(newest);
    newest = revision;
  }
  expect(expected.size).toBeGreaterThan(KILLS * 4);
});

/** Lets a writer go for a number of writes that differs each time, kills it, and answers what it said was done. */
async function writeUntilKilled(child: string, data: string, key: string, round: number): Promise<Acknowledged[]> {
  const writer = spawn(process.execPath, [child, 'write', data, key, `w${round}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(writer, 'close');
  const acknowledged: Acknowledged[] = [];
  for await (const line of createInterface({ input: writer.stdout })) {
    acknowledged.push(JSON.parse(line));
    if (acknowledged.length === 1 + round * 7) writer.kill('SIGKILL');
  }
  const [, signal] = await ended;
  expect(signal).toBe('SIGKILL');
  return acknowledged;
}

function turnOf(object: object): string | undefined {
  const value = 'data' in object && object.data instanceof Map ? object.data.get('turn') : undefined;
  return value instanceof Uint8Array ? Buffer.from(value).toString() : undefined;
}

import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { relativePath } from '../support/objects/builders.ts';
import { recordOf, volumeId } from '../support/volume/volume-content.ts';
import {
  arrange,
  contents,
  FIRST,
  ID,
  type PublisherDeviations,
  type PublisherWorld,
  RETIREMENT_MS,
  SECOND,
} from './publisher-world.ts';

/** Take-over of what an earlier publisher left. */
export function publisherRestartContract(createWorld: () => PublisherWorld, deviations: PublisherDeviations): void {
  test('finds volumes, records, inputs and publications as they were, however often', () => {
    using world = createWorld();
    const { volume, target } = arrange(world);
    const file = join(world.targets, 'file');
    const pinnedGeneration = volume.generation;
    volume.publish(target, undefined, []);
    volume.publish(file, relativePath('user'), []);
    volume.write(SECOND);
    const record = recordOf(ID, [{ target }, { target: file, subPath: relativePath('user'), pinnedGeneration }]);
    const inputs = { data: new Map([['k', Buffer.from('v')]]), tokens: new Map() };
    volume.saveRecord(record);
    volume.saveInputs(inputs);
    world.start().resume();
    const before = world.inventory();
    for (let round = 0; round < 3; round += 1) {
      const [resumed, ...others] = world.start().resume();
      expect(others).toEqual([]);
      expect(resumed?.record).toEqual({ ok: true, value: record });
      expect(resumed?.inputs?.data.get('k')).toEqual(new Uint8Array(Buffer.from('v')));
      expect(byTarget(resumed?.liveTargets)).toMatchObject([
        { target, subPath: undefined, pinnedGeneration: undefined },
        { target: file, subPath: 'user', pinnedGeneration },
      ]);
      expect(resumed?.volume.isPublished(target)).toBe(true);
      expect(world.inventory()).toEqual(before);
    }
  });

  test('later writes reach the same publications, and pins hold', async () => {
    using world = createWorld();
    const { volume, target } = arrange(world);
    const directory = join(world.targets, 'directory');
    volume.publish(target, undefined, []);
    const { pinnedGeneration } = await volume.publish(directory, relativePath('tls'), []);
    const pinned = { target: directory, subPath: relativePath('tls'), pinnedGeneration };
    volume.saveRecord(recordOf(ID, [{ target }, pinned]));
    const [resumed] = world.start().resume();
    if (resumed === undefined) throw new Error('the volume was not resumed');
    expect((await resumed.volume.write(FIRST)).changed).toBe(false);
    expect((await resumed.volume.write(SECOND)).changed).toBe(true);
    world.clock.advance(RETIREMENT_MS);
    resumed.volume.publish(target, undefined, []);
    expect(resumed.volume.publish(directory, relativePath('tls'), [])).toMatchObject({ pinnedGeneration });
    if (deviations.showsNothing !== true) {
      expect(contents(target)).toEqual({ added: 'x', 'tls/key': 'k2', user: 'root' });
      expect(contents(directory)).toEqual({ crt: 'c1', key: 'k1' });
    }
    for (const each of [target, directory]) resumed.volume.unpublish(each);
    resumed.volume.remove();
    expect(readdirSync(world.targets)).toEqual([]);
  });

  test('a volume that was never recorded nor published is swept', () => {
    using world = createWorld();
    world.start().resume();
    const before = world.inventory();
    const publisher = world.start();
    publisher.resume();
    publisher.open(ID, 'default').write(FIRST);
    expect(world.start().resume()).toEqual([]);
    expect(world.inventory()).toEqual(before);
  });

  test('a damaged record costs that volume its record while it is published, and nothing else', () => {
    using world = createWorld();
    const { publisher, volume, target } = arrange(world);
    const healthy = publisher.open(volumeId('healthy'), 'default');
    healthy.write(FIRST);
    healthy.publish(join(world.targets, 'healthy'), undefined, []);
    const record = recordOf(volumeId('healthy'), [{ target: join(world.targets, 'healthy') }]);
    healthy.saveRecord(record);
    volume.publish(target, undefined, []);
    volume.saveRecord(recordOf(ID, [{ target }]));
    writeFileSync(world.recordFile(volume), '{"volumeId": "planted-secret');
    const resumed = world.start().resume();
    const damaged = resumed.find((each) => each.volume.directoryName === volume.directoryName);
    expect(resumed).toHaveLength(2);
    expect(resumed.find((each) => each !== damaged)?.record).toEqual({ ok: true, value: record });
    expect(damaged?.record.ok).toBe(false);
    expect(JSON.stringify(damaged?.record)).not.toContain('planted-secret');
    expect(damaged?.liveTargets).toMatchObject([{ target }]);
    damaged?.volume.write(SECOND);
    if (deviations.showsNothing !== true) expect(contents(target)).toMatchObject({ user: 'root' });
    damaged?.volume.unpublish(target);
    expect(existsSync(target)).toBe(false);
    damaged?.volume.remove();
    expect(world.start().resume()).toHaveLength(1);
  });

  test('nothing is there: nothing is resumed', () => {
    using world = createWorld();
    expect(world.start().resume()).toEqual([]);
  });
}

function byTarget<T extends { readonly target: string }>(found: readonly T[] | undefined): readonly T[] {
  return [...(found ?? [])].sort((a, b) => (a.target < b.target ? -1 : 1));
}

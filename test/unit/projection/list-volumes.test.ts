import { expect, test } from 'vitest';
import { volumeDirectoryName } from '../../../src/volume/layout.ts';
import { inline, NEVER, ProjectionWorld } from '../../support/projection/projection-world.ts';
import { volumeId } from '../../support/volume/volume-content.ts';

const DB = inline({ secret: { secretName: 'db' } });

test('volumes from behind one on, of one namespace or of all, in byte order', async () => {
  await using world = new ProjectionWorld();
  await world.start();
  await world.apply('db', { password: 'one' });
  // UTF-16 has the last two the other way round.
  for (const id of ['b', '\u{1F600}', 'a', '\uFF5E']) {
    await world.publish({ volumeId: volumeId(id), definition: DB, target: world.target(`of-${id}`) });
  }
  const after = (id: string, namespace?: string) =>
    [...world.projector.listAfter(id, namespace)].map((status) => status.volumeId);
  expect(after('')).toEqual(['a', 'b', '\uFF5E', '\u{1F600}']);
  expect(after('a')).toEqual(['b', '\uFF5E', '\u{1F600}']);
  expect(after('aa', 'default')).toEqual(['b', '\uFF5E', '\u{1F600}']);
  expect(after('', 'other')).toEqual([]);
  expect([...world.projector.listAfter('', undefined)]).toEqual(world.projector.list());
  await world.projector.unpublish({ volumeId: volumeId('b'), target: undefined }, NEVER);
  expect(after('a')).toEqual(['\uFF5E', '\u{1F600}']);
});

test('a status that is not reached is not made', async () => {
  await using world = new ProjectionWorld();
  await world.start();
  await world.apply('db', { password: 'one' });
  for (const id of ['a', 'b']) {
    await world.publish({ volumeId: volumeId(id), definition: DB, target: world.target(id) });
  }
  const walk = world.projector.listAfter('', undefined)[Symbol.iterator]();
  expect(walk.next().value).toMatchObject({ volumeId: 'a' });
  await world.projector.unpublish({ volumeId: volumeId('b'), target: undefined }, NEVER);
  expect(walk.next().value).toMatchObject({ volumeId: 'b', publications: [] });
});

test('a mount that an unmount waits for succeeds', async () => {
  await using world = new ProjectionWorld();
  await world.start();
  await world.apply('db', { password: 'one' });
  const mounting = world.publish();
  await Promise.resolve();
  await Promise.resolve();
  const unmounting = world.projector.unpublish({ volumeId: volumeId('v'), target: undefined }, NEVER);
  await Promise.all([mounting, unmounting]);
  expect(world.projector.list()).toEqual([]);
});

test('a volume that gets its name back moves to its place', async () => {
  await using world = new ProjectionWorld();
  await world.start();
  await world.apply('db', { password: 'one' });
  for (const id of ['a', 'zebra']) await world.publish({ volumeId: volumeId(id), target: world.target(id) });
  for (const id of ['a', 'zebra']) world.damageRecord(id);
  await world.restart({ keepStore: true });
  const names = () => world.projector.list().map(({ volumeId: name }) => name);
  expect(names()).toEqual(['a', 'zebra'].map((id) => `unknown:${volumeDirectoryName(id)}`).sort());
  await world.publish({ volumeId: volumeId('zebra'), target: world.target('zebra') });
  expect(names()).toEqual([`unknown:${volumeDirectoryName('a')}`, 'zebra']);
});

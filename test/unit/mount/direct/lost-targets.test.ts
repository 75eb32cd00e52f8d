import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { arrange, settle } from '../../../contract/publisher-world.ts';
import { listTree } from '../../../support/host/list-tree.ts';
import { DirectWorld } from '../../../support/mount/direct-world.ts';
import { relativePath } from '../../../support/objects/builders.ts';

const WAYS: Readonly<Record<string, (target: string, parent: string) => void>> = {
  'is removed': (target) => rmSync(target, { recursive: true }),
  'is moved': (target) => renameSync(target, `${target}-moved`),
  'lies in a directory that is moved': (_, parent) => renameSync(parent, `${parent}-moved`),
  'lies in a directory that another replaces': (_, parent) => {
    renameSync(parent, `${parent}-moved`);
    mkdirSync(parent);
  },
};

const PARTS = { 'a volume': undefined, 'a directory of it': 'tls', 'a file of it': 'user' } as const;

const CASES = Object.entries(PARTS).flatMap(([name, part]) =>
  Object.entries(WAYS).map(([way, lose]) => [name, way, part && relativePath(part), lose] as const),
);

async function publishAndLose(world: DirectWorld, [, , part, lose]: (typeof CASES)[number]) {
  const { volume } = arrange(world);
  const parent = join(world.targets, 'p');
  const target = join(parent, 't');
  mkdirSync(parent);
  await volume.publish(target, part, []);
  await settle(world);
  // The second look has only what the first one noted.
  for (let round = 0; round < 2; round++) expect(await volume.look()).toEqual({ repaired: [], lasting: [] });
  lose(target, parent);
  for (let round = 0; round < 2; round++) {
    const lasting = [`the target "${target}" was removed or moved; mount the volume there again`];
    expect(await volume.look()).toEqual({ repaired: [], lasting });
  }
  return { volume, target, part };
}

test.each(CASES)('%s whose target %s is told as damaged until it is published again', async (...given) => {
  using world = new DirectWorld();
  const { volume, target, part } = await publishAndLose(world, given);
  mkdirSync(dirname(target), { recursive: true });
  await volume.publish(target, part, []);
  expect(volume.isPublished(target)).toBe(true);
  expect(await volume.look()).toEqual({ repaired: [], lasting: [] });
});

test.each(CASES)('%s whose target %s can be unpublished, and leaves nothing of its bytes', async (...given) => {
  using world = new DirectWorld();
  const { volume, target } = await publishAndLose(world, given);
  await volume.unpublish(target);
  expect(await volume.look()).toEqual({ repaired: [], lasting: [] });
  await volume.remove();
  expect(world.inventory()).toEqual([]);
  expect(listTree(world.targets).filter((path) => /user|tls|\.\./.test(path))).toEqual([]);
  expect(existsSync(join(world.targets, 'p/t/user'))).toBe(false);
});

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { HabitWorld } from '../support/cli/habit-world.ts';

let world: HabitWorld;
beforeAll(async () => {
  world = await HabitWorld.start();
});
afterAll(async () => await world[Symbol.asyncDispose]());
beforeEach(async () => await world.reset());

const WRITERS = Array.from({ length: 24 }, (_, at) => at);

/** Types all of them at once, and returns what they complained about. */
async function atOnce(lines: readonly string[]): Promise<string[]> {
  const said = await Promise.all(lines.map((typed) => world.type({ typed, kubectl: '' })));
  return said.filter(({ exitCode }) => exitCode !== 0).map(({ stderr }) => stderr);
}

test('changes of one object at the same time are all made', async () => {
  const patches = WRITERS.map((at) => [
    `patch secret db -p '{"stringData": {"k${at}": "v"}}'`,
    `label secret db l${at}=v`,
    `annotate secret db a${at}=v`,
    `patch secret db --type=json -p '[{"op": "add", "path": "/metadata/labels/j${at}", "value": "v"}]'`,
  ]);
  expect(await atOnce(patches.flat())).toEqual([]);
  const each = (prefix: string, value: string) => Object.fromEntries(WRITERS.map((at) => [`${prefix}${at}`, value]));
  expect(await world.object('secret/db')).toMatchObject({
    data: { username: 'YWRtaW4=', ...each('k', 'dg==') },
    labels: { app: 'web', ...each('l', 'v'), ...each('j', 'v') },
    annotations: { owner: 'ann', ...each('a', 'v') },
  });
});

test('with --resource-version exactly one of many is made', async () => {
  const { stdout: version } = await world.type({
    typed: 'get secret db -o jsonpath={.metadata.resourceVersion}',
    kubectl: '',
  });
  const failed = await atOnce(WRITERS.map((at) => `label secret db l${at}=v --resource-version=${version}`));
  expect(failed).toHaveLength(WRITERS.length - 1);
  for (const complaint of failed) expect(complaint).toMatch(/at resourceVersion ".*": it is at /);
  const object = (await world.object('secret/db')) as { labels: Record<string, string> };
  expect(Object.keys(object.labels).filter((key) => key.startsWith('l'))).toHaveLength(1);
});

test('an object that is changed while it is replaced exists afterwards, and the manifest was the last word', async () => {
  const labels = WRITERS.map((at) => `label secret db l${at}=v`);
  expect(await atOnce([...labels, 'replace -f db.yaml'])).toEqual([]);
  expect(await world.object('secret/db')).toMatchObject({ data: { password: 'bjN3' }, annotations: {} });
});

test('replace --force deletes nothing that it could not create again', async () => {
  const volume = (spec: string) => `
apiVersion: lantern.dev/v1
kind: ProjectedVolume
metadata: {name: web}
spec: {${spec}}
`;
  const replace = { typed: 'replace --force -f -', kubectl: '' };
  await world.type({ ...replace, input: volume('secret: {secretName: db}') });
  const { stdout, stderr, exitCode } = await world.type({ ...replace, input: volume('secret: {secretNme: db}') });
  expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 1 });
  expect(stderr).toMatch(/ProjectedVolume default\/web.*secretNme/);
  expect(await world.object('projectedvolume/web')).toMatchObject({ spec: { secret: { secretName: 'db' } } });
});

test('a dry run of replace --force takes what only --force can change', async () => {
  const frozen = { typed: 'replace --force -f -', kubectl: '', input: FROZEN('a') };
  await world.type(frozen);
  const said = await world.type({ ...frozen, typed: `${frozen.typed} --dry-run=server`, input: FROZEN('b') });
  expect(said).toEqual({ stdout: 'configmap/frozen replaced (server dry run)', stderr: '', exitCode: 0 });
  expect(await world.object('configmap/frozen')).toMatchObject({ data: { key: 'a' } });
});

const FROZEN = (value: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: frozen}\nimmutable: true\ndata: {key: ${value}}\n`;

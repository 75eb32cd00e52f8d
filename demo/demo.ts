// The main job, on real input: a daemon, volumes in several shapes, updates, a SIGKILL, and nothing left at the end.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connect, type LanternClient } from '../src/rpc/client.ts';
import { contentsOf, listing, modeOf, Report } from './report.ts';
import { Stage } from './stage.ts';
import { CONFIG_MAP_MANIFEST, POD_MANIFEST, secretManifest, VOLUMES } from './volumes.ts';

const WHOLE = VOLUMES.filter(({ subPath }) => subPath === undefined);
const PINNED = VOLUMES.filter(({ subPath }) => subPath !== undefined);
const FIRST = '1f2d1e2e67df';
/** An update that takes longer than this is not "the moment the source changes", also on a busy machine. */
const PATIENCE_MS = 2_000;

const report = new Report();
{
  await using stage = new Stage();
  await play(stage);
}
process.exitCode = report.finish();

async function play(stage: Stage): Promise<void> {
  const passwordFile = (name: string, inside: string): string =>
    inside === '' ? stage.at('targets', name) : stage.at('targets', name, inside);
  const showsPassword = (volume: (typeof VOLUMES)[number], password: string): boolean =>
    contentsOf(passwordFile(volume.name, volume.password)) === password;

  report.chapter('A daemon');
  const ready = await stage.startDaemon();
  report.say(ready);

  report.chapter('Objects from manifest files');
  mkdirSync(stage.at('targets'));
  writeFileSync(stage.at('secret.yaml'), secretManifest(FIRST), { mode: 0o600 });
  writeFileSync(stage.at('configmap.yaml'), CONFIG_MAP_MANIFEST);
  writeFileSync(stage.at('pod.yaml'), POD_MANIFEST);
  report.say(stage.lantern('apply', '-f', stage.at('secret.yaml'), '-f', stage.at('configmap.yaml')));
  report.say(stage.lantern('get', 'secrets'));

  report.chapter('Volumes in several shapes, as a second process sees them');
  for (const volume of VOLUMES) {
    writeFileSync(stage.at(`${volume.name}.yaml`), volume.spec);
    const subPath = volume.subPath === undefined ? [] : ['--sub-path', volume.subPath];
    const pod = volume.withPod ? ['--pod-file', stage.at('pod.yaml')] : [];
    stage.lantern(
      'mount',
      '-f',
      stage.at(`${volume.name}.yaml`),
      stage.at('targets', volume.name),
      '--id',
      volume.name,
      ...subPath,
      ...pod,
    );
    report.say(`\n${volume.what}`);
    report.say(listing(stage.at('targets', volume.name)));
    report.check(`${volume.name} holds the password`, showsPassword(volume, FIRST));
  }
  report.check('my-username is 0777', modeOf(stage.at('targets/items/my-group/my-username')) === '777');
  report.check('my-password is 0400', modeOf(stage.at('targets/items/my-group/my-password')) === '400');
  report.check('the dotfile is there', contentsOf(stage.at('targets/dotfile/.secret-file')) === 'hidden');
  const labels = contentsOf(stage.at('targets/projected/labels'));
  report.check('the downward API wrote the labels', labels === 'app="web"\ntier="front"');
  if (ready.includes('publisher bind'))
    report.check('the volume is read-only, also for root', isReadOnly(stage.at('targets/all')));

  report.chapter('The Secret changes');
  await changePassword('changed-once');

  report.chapter('SIGKILL, a new daemon, and the Secret changes again');
  await stage.stopDaemon('SIGKILL');
  report.check(
    'the volumes stay while no daemon runs',
    WHOLE.every((volume) => showsPassword(volume, 'changed-once')),
  );
  report.say(await stage.startDaemon());
  report.check('the objects are still there', stage.lantern('get', 'secrets').includes('mysecret'));
  await changePassword('changed-twice');
  report.say(stage.lantern('volumes'));

  report.chapter('Unmount, and nothing is left');
  for (const { name } of VOLUMES) stage.lantern('unmount', stage.at('targets', name));
  report.check(
    'every target is gone',
    VOLUMES.every(({ name }) => !existsSync(stage.at('targets', name))),
  );
  report.check('the daemon knows no volume', JSON.parse(stage.lantern('volumes', '-o', 'json')).volumes.length === 0);
  report.check('the daemon ends with exit code 0', (await stage.stopDaemon('SIGTERM')) === 0);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  report.check('no mount is left', !mounts.some((line) => line.includes(stage.directory)));
  report.check('no socket is left', !existsSync(stage.socket));

  async function changePassword(password: string): Promise<void> {
    using client = connect(stage.socket);
    // Connecting is not part of what is measured.
    await client.health.check({ service: '' });
    const before = PINNED.map(({ name, password: inside }) => contentsOf(passwordFile(name, inside)));
    const files = WHOLE.map(({ name, password: inside }) => passwordFile(name, inside));
    const took = await timeToShow(client, password, files);
    writeFileSync(stage.at('secret.yaml'), secretManifest(password), { mode: 0o600 });
    report.check(
      `all ${files.length} whole volumes show "${password}" ${took.toFixed(1)} ms after it was sent`,
      took < PATIENCE_MS,
    );
    report.check(
      'a second process sees it, too',
      WHOLE.every((volume) => showsPassword(volume, password)),
    );
    const after = PINNED.map(({ name, password: inside }) => contentsOf(passwordFile(name, inside)));
    report.check(
      'the subPath mounts keep what they had',
      after.join() === before.join() && after.join() === `${FIRST},${FIRST}`,
    );
  }
}

/** Sends the changed Secret and reads the files over and over until all show it; milliseconds from sending on. */
async function timeToShow(client: LanternClient, password: string, files: readonly string[]): Promise<number> {
  const start = performance.now();
  const data = {
    username: Buffer.from('admin'),
    password: Buffer.from(password),
    '.secret-file': Buffer.from('hidden'),
  };
  const sent = client.objects.apply({ object: { metadata: { name: 'mysecret' }, secret: { data } } });
  while (performance.now() - start < PATIENCE_MS) {
    if (files.every((file) => readFileSync(file, 'utf8') === password)) break;
    await nextTurn();
  }
  const took = performance.now() - start;
  await sent;
  return took;
}

function isReadOnly(directory: string): boolean {
  try {
    writeFileSync(join(directory, 'new-file'), '');
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EROFS';
  }
}

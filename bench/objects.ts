import { writeFileSync } from 'node:fs';
import { Stage } from '../demo/stage.ts';
import { type Figure, figure, isQuick, median, seconds } from './measure.ts';

const COUNT = isQuick ? 300 : 5_000;
const ROUNDS = isQuick ? 1 : 2;

/** Many objects by the command line: applied, unchanged, deleted and imported. */
export async function benchObjects(): Promise<Figure[]> {
  await using stage = new Stage();
  await stage.startDaemon();
  const [manifest, archive, key] = [stage.at('objects.yaml'), stage.at('archive'), stage.at('archive.key')];
  writeFileSync(manifest, Array.from({ length: COUNT }, (_, index) => secretManifest(index)).join('---\n'));
  const times = { apply: [] as number[], unchanged: [] as number[], remove: [] as number[], import: [] as number[] };
  const timed = async (into: number[], ...command: readonly string[]) => {
    into.push(await seconds(() => stage.lantern(...command)));
  };
  for (let round = 0; round < ROUNDS; round++) {
    await timed(times.apply, 'apply', '-f', manifest);
    await timed(times.unchanged, 'apply', '-f', manifest);
    if (round === 0) stage.lantern('export', '--key-file', key, '--new-key', archive);
    await timed(times.remove, 'delete', 'secrets', '--all');
    await timed(times.import, 'import', '--key-file', key, archive);
    stage.lantern('delete', 'secrets', '--all');
  }
  const unit = median(times.import);
  const over = (what: string, own: readonly number[]): Figure =>
    figure(`12  ${what} / import`, median(own) / unit, '', 1.3, ` (${median(own).toFixed(2)} / ${unit.toFixed(2)} s)`);
  return [
    over(`apply of ${COUNT} objects`, times.apply),
    over('apply of the same, unchanged', times.unchanged),
    over('delete --all of them', times.remove),
  ];
}

function secretManifest(index: number): string {
  const value = Buffer.alloc(200, `${index} `).toString('base64');
  return `apiVersion: v1\nkind: Secret\nmetadata:\n  name: secret-${index}\ntype: Opaque\ndata:\n  value: ${value}\n`;
}

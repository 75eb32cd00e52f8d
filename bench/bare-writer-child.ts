import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { generationName, volumeDirectoryName } from '../src/volume/layout.ts';
import { bareUpdate, NAMES } from './bare-calls.ts';
import type { BareWriteTask } from './bare-writer.ts';
import { answerTasks } from './child.ts';
import { secretValue } from './secret.ts';

answerTasks(({ directory, volumes, version }: BareWriteTask) => {
  const values = new Map(NAMES.map((name) => [name, secretValue(name, version)]));
  const generation = generationName(Date.now());
  for (let index = 0; index < volumes; index++) {
    const data = join(directory, volumeDirectoryName(`volume-${index}`), 'data');
    mkdirSync(data, { recursive: true });
    bareUpdate(data, generation, (name) => values.get(name) ?? secretValue(name));
  }
});

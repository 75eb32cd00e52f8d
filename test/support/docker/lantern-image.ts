import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compiled, TOP } from '../suite/compiled.ts';
import { TempDir } from '../suite/temp-dir.ts';
import type { DockerEngine } from './docker-engine.ts';

const LAST_STAGE = /^FROM \$\{BASE_IMAGE\}$(?:.|\n)*/m;

/**
 * The image as the Dockerfile's last stage makes it, of what this checkout has built and installed already: a minute
 * less than building it from nothing, which the compose test does.
 */
export async function makeLanternImage(engine: DockerEngine, tag: string, base: string): Promise<void> {
  compiled('src/main.ts');
  using context = new TempDir();
  const stage = LAST_STAGE.exec(readFileSync(`${TOP}/Dockerfile`, 'utf8'))?.[0];
  if (stage === undefined) throw new Error('the Dockerfile has no last stage');
  const dockerfile = stage.replaceAll('--from=build /build/', '');
  writeFileSync(context.at('Dockerfile'), `ARG BASE_IMAGE\n${dockerfile}`);
  for (const path of ['package.json', 'dist', 'node_modules/@koromix']) {
    cpSync(join(TOP, path), context.at(path), { recursive: true });
  }
  await engine.docker('build', '--quiet', '--tag', tag, '--build-arg', `BASE_IMAGE=${base}`, context.path);
}

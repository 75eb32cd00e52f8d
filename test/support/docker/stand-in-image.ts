import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TempDir } from '../suite/temp-dir.ts';
import type { DockerEngine } from './docker-engine.ts';

const PROGRAMS = ['sh', 'cat', 'sleep', 'stat', 'ls', 'env', 'tar'];

/**
 * An image with Node, npm and a few programs of this machine, for an engine that cannot pull one: what the Dockerfile
 * and the compose file need of a base image, and no more but the programs asked for.
 */
export async function makeStandInImage(
  engine: DockerEngine,
  tag: string,
  morePrograms: readonly string[] = [],
): Promise<void> {
  using root = new TempDir();
  const place = (source: string) => {
    const target = root.at(source);
    if (existsSync(target)) return;
    mkdirSync(dirname(target), { recursive: true });
    cpSync(source, target, { dereference: true });
  };
  const programs = [process.execPath, ...[...PROGRAMS, ...morePrograms].map(pathOf)];
  for (const program of programs) for (const file of [program, ...librariesOf(program)]) place(file);
  // glibc loads these by name when it looks up a host.
  for (const library of ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2']) {
    for (const directory of new Set(librariesOf(process.execPath).map(dirname))) {
      if (existsSync(join(directory, library))) place(join(directory, library));
    }
  }
  const certificates = '/etc/ssl/certs/ca-certificates.crt';
  if (existsSync(certificates)) place(certificates);
  const npm = dirname(dirname(realpathSync(pathOf('npm'))));
  cpSync(npm, root.at('opt/npm'), { recursive: true });
  mkdirSync(root.at('usr/local/bin'), { recursive: true });
  const starter = root.at('usr/local/bin/npm');
  writeFileSync(
    starter,
    `#!${process.execPath}
require('/opt/npm/bin/npm-cli.js');
`,
  );
  chmodSync(starter, 0o755);
  if (!existsSync(root.at('bin'))) symlinkSync('usr/bin', root.at('bin'));
  for (const directory of ['tmp', 'run', 'etc', 'var/lib']) mkdirSync(root.at(directory), { recursive: true });
  writeFileSync(root.at('etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  const path = ['/usr/local/bin', ...new Set(programs.map(dirname))].join(':');
  using archive = new TempDir();
  execFileSync('tar', ['-C', root.path, '-cf', archive.at('image.tar'), '.']);
  const settings = [`ENV PATH=${path}`, `ENV NODE_EXTRA_CA_CERTS=${certificates}`].flatMap((line) => [
    '--change',
    line,
  ]);
  await engine.docker('import', ...settings, archive.at('image.tar'), tag);
}

function pathOf(program: string): string {
  return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
}

/** As the dynamic linker would find them; none for what is linked statically. */
function librariesOf(program: string): string[] {
  try {
    return [...execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(\/\S+)/g)].map(([path]) => path);
  } catch {
    return [];
  }
}

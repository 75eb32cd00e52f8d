import { chmodSync, chownSync, mkdirSync, readdirSync } from 'node:fs';
import { DirectDaemon } from './direct-daemon.ts';
import { NOBODY } from './nobody.ts';
import { isRoot } from './privileges.ts';
import { TempDir } from './temp-dir.ts';
import type { ContentFile } from './volume-content.ts';

/** What volumes hold unless a test says otherwise. */
export const FILES = { 'a/b': 'one', c: { text: 'two', mode: 0o400 }, '.dot': '' } as const;

/** A place in memory that belongs to the unprivileged user: `run` for the daemon, `targets` for its targets. */
export class DirectScene implements AsyncDisposable {
  readonly directory: TempDir;
  readonly #daemons: DirectDaemon[] = [];

  constructor(parent = '/dev/shm') {
    this.directory = new TempDir(parent);
    chmodSync(this.directory.path, 0o755);
    for (const name of ['run', 'targets']) this.own(() => mkdirSync(this.directory.at(name), 0o700), name);
  }

  at(...path: readonly string[]): string {
    return this.directory.at('targets', ...path);
  }

  own(make: () => void, ...path: readonly string[]): void {
    make();
    if (isRoot) chownSync(this.directory.at(...path), NOBODY, NOBODY);
  }

  start(...flags: readonly string[]): DirectDaemon {
    const daemon = new DirectDaemon(this.directory.at('run'), flags);
    this.#daemons.push(daemon);
    return daemon;
  }

  /** A daemon with the volume `v`, written and published nowhere yet. */
  async withVolume(files: Readonly<Record<string, ContentFile>> = FILES): Promise<DirectDaemon> {
    const daemon = this.start();
    await daemon.do('resume');
    await daemon.do('open', 'v');
    await daemon.do('write', 'v', files);
    return daemon;
  }

  /** What would be left over. */
  get leftovers(): readonly string[] {
    return [...readdirSync(this.at()), ...readdirSync(this.directory.at('run/direct'))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const daemon of this.#daemons) await daemon[Symbol.asyncDispose]();
    this.directory[Symbol.dispose]();
  }
}

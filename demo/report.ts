import { execFileSync } from 'node:child_process';

/** Prints the story and counts what did not hold. */
export class Report {
  #checks = 0;
  #failures = 0;

  chapter(title: string): void {
    console.log(`\n== ${title}`);
  }

  say(text: string): void {
    for (const line of text.trimEnd().split('\n')) console.log(`   ${line}`);
  }

  check(what: string, holds: boolean): void {
    this.#checks += 1;
    if (!holds) this.#failures += 1;
    console.log(`   ${holds ? 'ok  ' : 'FAIL'} ${what}`);
  }

  /** Prints the result; the exit code of the demo. */
  finish(): number {
    console.log(`\n${this.#checks} checks, ${this.#failures} failed`);
    return this.#failures === 0 ? 0 : 1;
  }
}

/** The output of `ls` for a directory or file: a second process's view. */
export function listing(path: string): string {
  const text = execFileSync('ls', ['-lAR', '--time-style=+', path], { encoding: 'utf8' });
  return text.replaceAll(/^total .*\n/gm, '');
}

/** Octal permission bits of what a path leads to, as `stat` sees them. */
export function modeOf(path: string): string {
  return execFileSync('stat', ['-L', '-c', '%a', path], { encoding: 'utf8' }).trim();
}

/** A file's text, as `cat` prints it. */
export function contentsOf(path: string): string {
  return execFileSync('cat', [path], { encoding: 'utf8' });
}

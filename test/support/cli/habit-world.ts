import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { systemClock } from '../../../src/base/clock.ts';
import { hasCode } from '../../../src/base/errors.ts';
import { orThrow } from '../../../src/base/parsed.ts';
import type { Cli } from '../../../src/cli/command.ts';
import { splitBashLine } from '../../../src/cli/completion/bash-words.ts';
import { parseSelections } from '../../../src/cli/kinds.ts';
import { toManifests } from '../../../src/cli/objects/manifest-text.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { parseManifest } from '../../../src/objects/manifest/parse-manifest.ts';
import { OBJECT_KINDS } from '../../../src/objects/object.ts';
import { mergeRequest } from '../../../src/rpc/lantern/object-messages.ts';
import { HABIT_FILES, HABIT_MANIFESTS } from '../../fixtures/kubectl-habits/world.ts';
import { DaemonHarness } from '../projection/daemon-harness.ts';
import { RecordedTerminal } from '../suite/recorded-terminal.ts';
import type { Habit } from './habit.ts';

type Said = { readonly stdout: string; readonly stderr: string; readonly exitCode: number };

/** A daemon, a directory with files, and both are as they were before each habit. */
export class HabitWorld implements AsyncDisposable {
  readonly #daemon: DaemonHarness;
  readonly #before = process.cwd();

  private constructor(daemon: DaemonHarness) {
    this.#daemon = daemon;
  }

  static async start(): Promise<HabitWorld> {
    return new HabitWorld(await DaemonHarness.start());
  }

  get #home(): string {
    return this.#daemon.directory.at('home');
  }

  async reset(): Promise<void> {
    const { objects } = this.#daemon.client;
    for (const kind of OBJECT_KINDS) {
      for (const { metadata } of (await objects.list({ kind })).objects) {
        const { namespace = '', name = '' } = metadata ?? {};
        await objects.delete({ ref: { kind, namespace, name } }).catch(ignoreNotFound);
      }
    }
    for (const document of orThrow(parseManifest(HABIT_MANIFESTS, { defaultNamespace: 'default' }))) {
      if (document.kind === 'object') await objects.apply(mergeRequest(document));
    }
    const directory = this.#daemon.directory.at('files');
    process.chdir(this.#before);
    for (const old of [directory, this.#home]) rmSync(old, { recursive: true, force: true });
    mkdirSync(directory);
    process.chdir(directory);
    for (const [name, text] of Object.entries(HABIT_FILES)) writeFileSync(name, text);
  }

  /** Ages are 0s, whatever the time. */
  async type({ typed, input }: Habit): Promise<Said> {
    const terminal = new RecordedTerminal(input);
    const cli: Cli = {
      terminal,
      environment: { LANTERN_SOCKET: this.#daemon.lanternSocket, HOME: this.#home },
      user: { uid: process.getuid?.() ?? 0 },
      clock: { ...systemClock, now: () => 0 },
      signal: new AbortController().signal,
    };
    const host = { version: '1.2.3', runDaemon: async () => {} };
    const { exitCode, message } = await runProgram(cli, host, wordsOf(typed));
    if (message !== undefined) terminal.complain(`lantern: ${message}`);
    return { stdout: terminal.printed.join('\n'), stderr: terminal.complaints.join('\n'), exitCode };
  }

  /** The manifest of `KIND/NAME` or `NAMESPACE/KIND/NAME`, with the maps that it leaves out; null if there is none. */
  async object(name: string): Promise<object | null> {
    const [kindAndName = '', namespace = 'default'] = name.split(/\/(?=[^/]*\/)/).reverse();
    const [selected] = parseSelections([kindAndName]);
    if (selected === undefined) throw new Error(`"${name}" must be KIND/NAME`);
    const ref = { kind: selected.kind.kind, namespace, name: selected.names.join() };
    const found = await this.#daemon.client.objects.get({ ref, withData: true }).catch(ignoreNotFound);
    const [manifest] = await toManifests(found?.object ? [found.object] : []);
    const { labels = {}, annotations = {} } = (manifest?.metadata ?? {}) as Record<string, object>;
    return manifest === undefined ? null : { data: {}, ...manifest, labels, annotations };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.chdir(this.#before);
    await this.#daemon[Symbol.asyncDispose]();
  }
}

/** What the real kubectl says without a cluster. */
export function typeWithKubectl({ typed, input = '' }: Habit): Said {
  const env = { PATH: process.env.PATH, KUBECONFIG: '/dev/null', HOME: '/nonexistent' };
  const { stdout, stderr, status } = spawnSync('kubectl', wordsOf(typed), { encoding: 'utf8', env, input });
  return { stdout, stderr, exitCode: status ?? -1 };
}

function wordsOf(typed: string): readonly string[] {
  return splitBashLine(typed, '').words;
}

function ignoreNotFound(error: unknown): undefined {
  if (!hasCode(error, 'not-found')) throw error;
}

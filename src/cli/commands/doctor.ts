import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Command, Option } from 'commander';
import { parseConfig, STORE_CHOICE } from '../../config/config.ts';
import type { OptionName } from '../../config/given-options.ts';
import type { BindProbe } from '../../mount/detect/probe-bind.ts';
import { examine, type NamedFinding, type Verdict, worst } from '../../operations/doctor/checks.ts';
import { gatherFacts, probeMounts } from '../../operations/doctor/facts.ts';
import { type Cli, withExamples } from '../command.ts';
import { listFaults, PARTLY_FAILED, wrongUsage } from '../exit.ts';
import { outputOption } from '../options.ts';
import type { Fit } from '../output/fit.ts';
import { formatJson } from '../output/structured.ts';
import { formatTable } from '../output/table.ts';
import { printable, type Style } from '../output/text.ts';
import { addConfigOptions } from '../store-options.ts';

/** The options of `serve` that findings depend on. */
const OPTIONS: readonly OptionName[] = [
  'runDirectory',
  'csiSocket',
  'credentialsSocket',
  'host',
  'driverName',
  'dockerSocket',
  'publisher',
  'targetRoots',
  'allowDisk',
  'poolTotalBytes',
  'poolBytes',
  'requireNoswap',
  ...STORE_CHOICE,
];

const PROBE_MS = 10_000;

type Flags = Readonly<Record<string, unknown>> & { readonly output?: 'json'; readonly probe?: true };

/** Takes options as `serve` does. Exits with 1 if there is a problem. */
export function doctorCommand(command: Command, cli: Cli): void {
  withExamples(command, ['lantern doctor', 'lantern doctor --host kubernetes -o json']);
  addConfigOptions(command, OPTIONS);
  command.addOption(outputOption('json'));
  // For the child process: tries to mount, prints the result as JSON, and ends.
  command.addOption(new Option('--probe').hideHelp());
  command.action(async ({ output, probe, ...flags }: Flags) => {
    if (probe === true) {
      return cli.terminal.print(JSON.stringify(probeMounts()));
    }
    if (command.optsWithGlobals().socket !== undefined) {
      throw wrongUsage('--socket is for the other commands; doctor looks for the sockets in --run-dir');
    }
    const { clock, signal } = cli;
    const config = parseConfig(flags, cli);
    if (!config.ok) throw wrongUsage(listFaults(config.faults));
    const findings = examine(await gatherFacts(config.value, { probe: () => probeInChild(signal), clock, signal }));
    const verdict = worst(findings.map((finding) => finding.verdict));
    if (output === 'json') cli.terminal.print(formatJson({ verdict, checks: findings }));
    else cli.terminal.print(doctorTable(findings, cli.terminal.style, cli.terminal.columns));
    if (verdict === 'problem') throw PARTLY_FAILED;
  });
}

/** A child process takes its mounts with it, however it ends. */
async function probeInChild(signal: AbortSignal): Promise<BindProbe | undefined> {
  const [, program = ''] = process.argv;
  try {
    const args = [...process.execArgv, program, 'doctor', '--probe'];
    const { stdout } = await promisify(execFile)(process.execPath, args, { signal, timeout: PROBE_MS });
    return JSON.parse(stdout) as BindProbe;
  } catch {
    return undefined;
  }
}

const COLOUR: Readonly<Record<Verdict, keyof Style>> = {
  ok: 'good',
  warning: 'caution',
  problem: 'bad',
  unknown: 'caution',
};

const COLUMNS: Fit['columns'] = [undefined, undefined, { how: 'wrap', floor: 28 }];

/** `width`: of the terminal; undefined if nothing has to fit. No final newline. */
export function doctorTable(findings: readonly NamedFinding[], style: Style, width: number | undefined): string {
  const rows = findings.flatMap(({ name, verdict, finding, nextStep }) => {
    const line = [style[COLOUR[verdict]](verdict), name, printable(finding)];
    return nextStep === '' ? [line] : [line, ['', '', style.faint(`→ ${printable(nextStep)}`)]];
  });
  const fit = width === undefined ? undefined : { width, columns: COLUMNS };
  return formatTable(['VERDICT', 'CHECK', 'FINDING'], rows, undefined, fit);
}

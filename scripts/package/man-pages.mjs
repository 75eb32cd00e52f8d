// The man pages of the package, made from the table of commands: lantern(1), and one for each command.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {import('commander').Command} Command */
/** @typedef {import('commander').Option} Option */

const EXIT_STATUS = `.SH EXIT STATUS
.TP
0
The command did what it was asked for.
.TP
1
It failed, at least in part.
.TP
2
The command line is wrong. Nothing was done.
.PP
.B lantern exec
exits with the status of the program that it runs.
`;

/**
 * Texts by file name, such as `lantern-pod-mount.1`.
 *
 * @param {Command} program with all commands loaded
 * @param {string} version
 * @returns {Map<string, string>}
 */
export function makeManPages(program, version) {
  const commands = [program, ...commandsBelow(program)];
  return new Map(commands.map((command) => [`${nameOf(command)}.1`, pageOf(command, version)]));
}

/**
 * Writes the pages into `directory`, and returns their file names.
 *
 * @param {string} directory
 * @param {string} version
 */
export async function writeManPages(directory, version) {
  const tools = new URL('../../.cache/tools/src/', import.meta.url).href;
  /** @type {typeof import('../../src/cli/program.ts')} */
  const { createProgram, loadAll } = await import(`${tools}cli/program.js`);
  const program = createProgram(/** @type {any} */ ({}), { version, runDaemon: async () => {} });
  await loadAll(program);
  const pages = makeManPages(program, version);
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of pages) writeFileSync(join(directory, name), text);
  return [...pages.keys()];
}

/** @param {Command} command @returns {Command[]} */
function commandsBelow(command) {
  const children = childrenOf(command);
  return children.flatMap((child) => [child, ...commandsBelow(child)]);
}

/** @param {Command} command */
function childrenOf(command) {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.name() !== 'help');
}

/** `lantern-pod-mount` @param {Command} command @returns {string} */
function nameOf(command) {
  return command.parent === null ? command.name() : `${nameOf(command.parent)}-${command.name()}`;
}

/** @param {Command} command @param {string} version */
function pageOf(command, version) {
  const name = nameOf(command);
  const help = command.createHelp();
  const { examples, notes } = afterHelpOf(command);
  const children = childrenOf(command);
  const related = [...(command.parent === null ? [] : [nameOf(command.parent)]), ...children.map(nameOf)];
  return [
    '.\\" Made from the table of commands, src/cli/program.ts.\n',
    `.TH ${line(name.toUpperCase())} 1 "" "lantern ${version}" "Lantern"\n.nh\n.ad l\n`,
    section('NAME', [`${line(name)} \\- ${line(command.description().replace(/\.$/, ''))}`]),
    section('SYNOPSIS', [`\\fB${line(pathOf(command))}\\fR ${line(command.usage())}`]),
    section('DESCRIPTION', [line(command.description()), ...notes.flatMap((note) => ['.PP', line(note)])]),
    section('COMMANDS', commandsByGroup(children, help)),
    section(
      'ARGUMENTS',
      help
        .visibleArguments(command)
        .flatMap((argument) => entry('', argument.name(), help.argumentDescription(argument))),
    ),
    ...groupsOf(command).map(([heading, options]) =>
      section(
        heading,
        options.flatMap((option) => [...entry(...termsOf(option), help.optionDescription(option))]),
      ),
    ),
    command.parent === null ? EXIT_STATUS : '',
    section(
      'EXAMPLES',
      examples.length === 0 ? [] : ['.EX', ...examples.map((example) => line(`$ ${example}`)), '.EE'],
    ),
    section('SEE ALSO', related.length === 0 ? [] : [related.map((page) => `\\fB${line(page)}\\fR(1)`).join(',\n')]),
  ].join('');
}

/** With the headings of the help. @param {Command[]} children @param {import('commander').Help} help */
function commandsByGroup(children, help) {
  const entryFor = (/** @type {Command} */ child) => entry(child.name(), '', help.subcommandDescription(child));
  return [...help.groupItems(children, children, (child) => child.helpGroup())].flatMap(([heading, members]) => [
    ...(heading === '' ? [] : [`.SS ${line(heading.replace(/:$/, ''))}`]),
    ...members.flatMap(entryFor),
  ]);
}

/** `lantern pod mount` @param {Command} command @returns {string} */
function pathOf(command) {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** Options by heading, those of the commands above last. @param {Command} command @returns {[string, Option[]][]} */
function groupsOf(command) {
  const help = command.createHelp();
  /** @type {Map<string, Option[]>} */
  const groups = new Map();
  for (const option of help.visibleOptions(command)) {
    const heading = (option.helpGroupHeading ?? 'Options').replace(/:$/, '').toUpperCase();
    groups.set(heading, [...(groups.get(heading) ?? []), option]);
  }
  const global = help.visibleGlobalOptions(command);
  return [...groups, ...(global.length === 0 ? [] : [/** @type {[string, Option[]]} */ (['GLOBAL OPTIONS', global])])];
}

/** Flags and value. @param {Option} option @returns {[string, string]} */
function termsOf({ flags }) {
  const [, names = '', value = ''] = /^([^<[]*?)(?: ([<[].*))?$/.exec(flags) ?? [];
  return [names, value.replace(/^<(.*)>$/, '$1')];
}

/**
 * Texts that follow the help's lists: examples, and paragraphs.
 *
 * @param {Command} command
 */
function afterHelpOf(command) {
  let text = '';
  const emitter = /** @type {any} */ (command);
  emitter.emit('afterHelp', { error: false, command, write: (/** @type {string} */ more) => (text += more) });
  const paragraphs = text.split(/\n{2,}/).map((paragraph) => paragraph.trim());
  const isList = (/** @type {string} */ paragraph) => /^Examples?:\n/.test(paragraph);
  const examples = paragraphs.filter(isList).flatMap((paragraph) => paragraph.split(/\n *\$ /).slice(1));
  const notes = paragraphs.filter((paragraph) => paragraph !== '' && !isList(paragraph));
  return { examples, notes: notes.map((note) => note.replaceAll(/\s+/g, ' ')) };
}

/** @param {string} heading @param {readonly string[]} lines */
function section(heading, lines) {
  return lines.length === 0 ? '' : `.SH ${heading}\n${lines.join('\n')}\n`;
}

/** @param {string} name @param {string} value @param {string} meaning */
function entry(name, value, meaning) {
  const terms = [name && `\\fB${line(name)}\\fR`, value && `\\fI${line(value)}\\fR`];
  return ['.TP', terms.filter((term) => term !== '').join(' '), line(meaning)];
}

/** One line that roff prints as it is. @param {string} text */
function line(text) {
  const escaped = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll('"', '\\(dq')
    .replaceAll(/[^\n -~]/gu, (char) => `\\[u${char.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`);
  return escaped.replaceAll(/\s*\n\s*/g, ' ').replace(/^\./, '\\&.');
}

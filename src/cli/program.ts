import { Command, CommanderError } from 'commander';
import { version } from '../../package.json';
import { FleetError } from '../model/errors';
import { behindSeparator } from './behind-separator';
import type { CommandDeclaration, CommandGroup, CommandLine } from './command';
import { COMMANDS } from './commands';
import { type Context, processContext } from './context';
import { EXIT, EXIT_CODES_HELP } from './exit-codes';
import { printError } from './print-error';
import { openTerminal } from './terminal';

/** Options that every command takes, before or after its name. */
interface GlobalOptions {
  readonly fleet?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Signals after which a command tidies up and ends. */
const ENDING = ['SIGINT', 'SIGTERM'] as const;

/** The command that a command line names, with what is typed behind it; not begun yet. */
interface Chosen {
  readonly command: Command;
  readonly handlesInterrupt: boolean;
  readonly work: (context: Context) => Promise<number>;
}

/**
 * Runs the command line. All errors are printed when it returns.
 *
 * @param argv without the program
 * @returns the exit code
 */
export async function main(argv: readonly string[]): Promise<number> {
  let chosen: Chosen | undefined;
  let options: GlobalOptions = {};
  const program = buildProgram(argv, (choice) => {
    options = choice.command.optsWithGlobals<GlobalOptions>();
    chosen = choice;
  });
  const json = () => options.json ?? wantsJson(argv);
  const stop = new AbortController();
  const onSignal = () => {
    stop.abort();
  };
  try {
    await program.parseAsync(argv, { from: 'user' });
    if (chosen === undefined) return EXIT.ok;
    for (const signal of chosen.handlesInterrupt ? (['SIGTERM'] as const) : ENDING) process.on(signal, onSignal);
    const terminal = openTerminal({ json: json(), quiet: options.quiet ?? false });
    return await chosen.work(processContext(terminal, options.fleet, stop.signal));
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    // Help that was asked for by giving no command has been shown already.
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.usage;
    const terminal = openTerminal({ json: json(), quiet: false });
    return printError(asUsageError(error), terminal, process.env['BUILDFLEET_DEBUG'] === '1');
  } finally {
    for (const signal of ENDING) process.off(signal, onSignal);
  }
}

function asUsageError(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error;
  return new FleetError({ code: 'usage', problem: messageOf(error), remedy: 'see `buildfleet --help`' });
}

function messageOf({ message }: CommanderError): string {
  return message
    .replace(/^error: /, '')
    .replace(/\.?\n/g, ' ')
    .trim();
}

/** A command line that cannot be parsed may still ask for JSON. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? argv.length : end).includes('--json');
}

/**
 * The program with all its commands.
 *
 * @param argv the words as they were typed, without the program
 * @param choose called with the command that they name, once they are parsed
 */
export function buildProgram(argv: readonly string[], choose: (chosen: Chosen) => void): Command {
  const program = new Command('buildfleet')
    .description('Looks at a fleet of Haskell build machines and works on them.')
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .enablePositionalOptions()
    .addHelpText('after', EXIT_CODES_HELP);
  addGlobalOptions(program);

  const add = (parent: Command, declaration: CommandDeclaration, isDefault = false): void => {
    const command = define(parent, declaration, isDefault, argv);
    command.action(() => {
      const line = { ...understood(command, declaration, argv), options: command.opts(), program };
      const { handlesInterrupt = false } = declaration;
      choose({ command, handlesInterrupt, work: (context) => declaration.run(context, line) });
    });
  };
  for (const declaration of COMMANDS) {
    if (isGroup(declaration)) {
      const group = program.command(declaration.name).description(declaration.description);
      for (const member of declaration.commands) add(group, member, member.name === declaration.default);
    } else add(program, declaration);
  }
  return program;
}

function isGroup(declaration: CommandDeclaration | CommandGroup): declaration is CommandGroup {
  return 'commands' in declaration;
}

function define(
  parent: Command,
  declaration: CommandDeclaration,
  isDefault: boolean,
  argv: readonly string[],
): Command {
  const { name, description, examples, usage, passesThrough = false, takesRest = false, hidden = false } = declaration;
  const command = parent.command(name, { hidden, isDefault }).description(description);
  if (!hidden) addGlobalOptions(command).addHelpText('after', examplesHelp(examples));
  if (usage !== undefined) command.usage(usage);
  for (const argument of declaration.arguments ?? []) command.addArgument(argument);
  for (const option of declaration.options ?? []) command.addOption(option);
  if (takesRest) explainUnknownOptions(command, argv);
  return command.passThroughOptions(passesThrough).allowExcessArguments(takesRest);
}

/** An option of the other program that stands in front of `--` is answered with the command line that was meant. */
function explainUnknownOptions(command: Command, argv: readonly string[]): void {
  command.exitOverride((error) => {
    if (error.code !== 'commander.unknownOption') throw error;
    throw new FleetError({
      code: 'usage',
      problem: `${messageOf(error)}; options for cabal stand behind --`,
      remedy: `\`${behindSeparator(command, argv)}\``,
      cause: error,
    });
  });
}

/** Removes the words behind `--`, which commander appends to the arguments, from them again. */
function understood(
  command: Command,
  { takesRest = false }: CommandDeclaration,
  argv: readonly string[],
): Pick<CommandLine, 'args' | 'rest'> {
  if (!takesRest) return { args: command.processedArgs as readonly unknown[], rest: [] };
  const separator = argv.indexOf('--');
  const rest = separator === -1 ? [] : argv.slice(separator + 1);
  return { args: command.args.slice(0, command.args.length - rest.length), rest };
}

function examplesHelp(examples: readonly string[]): string {
  const title = examples.length === 1 ? 'Example:' : 'Examples:';
  return ['', title, ...examples.map((example) => `  buildfleet ${example}`)].join('\n');
}

function addGlobalOptions(command: Command): Command {
  return command
    .option('--fleet <path>', 'fleet.json (default: BUILDFLEET_FLEET, else the only fleet deployed here)')
    .option('--json', 'print one JSON document')
    .option('--quiet', 'print data and errors only');
}

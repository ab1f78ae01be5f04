import { Command, CommanderError } from 'commander';
import { version } from '../../package.json';
import { FleetError } from '../model/errors';
import { defineCompletionCommands } from './command-line/completion';
import { type CommandLine, type Define, type Work } from './command-line/definition';
import { defineDeployCommands } from './command-line/deploy';
import { defineFleetCommands } from './command-line/fleet';
import { defineHubCommands } from './command-line/hub';
import { defineImageCommands } from './command-line/images';
import { defineLoginCommands } from './command-line/login';
import { definePortCommands } from './command-line/ports';
import { defineProjectCommands } from './command-line/projects';
import { defineReviewCommands } from './command-line/review';
import { defineToolchainCommands } from './command-line/toolchain';
import { load } from './commands/load';
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

/** In the order in which `--help` lists them. */
const COMMANDS: readonly Define[] = [
  defineProjectCommands,
  defineLoginCommands,
  defineFleetCommands,
  defineDeployCommands,
  defineToolchainCommands,
  defineHubCommands,
  defineImageCommands,
  definePortCommands,
  defineReviewCommands,
  defineCompletionCommands,
];

/**
 * Runs the command line. Everything that goes wrong has been told when it returns.
 *
 * @param argv without the program
 * @returns the exit code
 */
export async function main(argv: readonly string[]): Promise<number> {
  let work: Work | undefined;
  let options: GlobalOptions = {};
  const program = buildProgram(argv, (command, chosen) => {
    options = command.optsWithGlobals<GlobalOptions>();
    work = chosen;
  });
  const json = () => options.json ?? wantsJson(argv);
  const stop = new AbortController();
  const onSignal = () => {
    stop.abort();
  };
  try {
    await program.parseAsync(argv, { from: 'user' });
    if (work === undefined) return EXIT.ok;
    for (const signal of ENDING) process.on(signal, onSignal);
    const terminal = openTerminal({ json: json(), quiet: options.quiet ?? false });
    return await work(load.context().processContext(terminal, options.fleet, stop.signal));
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    // Help that was asked for by giving no command has been shown already.
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.usage;
    // The work has error classes of its own, because it is a bundle of its own.
    const print = error instanceof CommanderError ? printError : load.errors().printError;
    return print(
      asUsageError(error),
      openTerminal({ json: json(), quiet: false }),
      process.env['BUILDFLEET_DEBUG'] === '1',
    );
  } finally {
    for (const signal of ENDING) process.off(signal, onSignal);
  }
}

function asUsageError(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error;
  const problem = error.message
    .replace(/^error: /, '')
    .replace(/\.?\n/g, ' ')
    .trim();
  return new FleetError({ code: 'usage', problem, remedy: 'see `buildfleet --help`' });
}

/** What cannot be parsed may still have asked for JSON. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? argv.length : end).includes('--json');
}

/** The commands. `choose` gets the work of the one that the command line names, which is not started here. */
export function buildProgram(argv: readonly string[], choose: (command: Command, work: Work) => void): Command {
  const program = new Command('buildfleet')
    .description('Looks at a fleet of Haskell build machines and works on them.')
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .enablePositionalOptions()
    .addHelpText('after', EXIT_CODES_HELP);
  addGlobalOptions(program);

  const commandLine: CommandLine = {
    argv,
    program,
    choose,
    add: (usage, { description, examples, parent = program }) =>
      addGlobalOptions(parent.command(usage).description(description)).addHelpText('after', examplesHelp(examples)),
  };
  for (const define of COMMANDS) define(commandLine);
  return program;
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

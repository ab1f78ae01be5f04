import { Command, CommanderError } from 'commander';
import { version } from '../package.json';
import { FleetError } from '../model/errors';
import { load } from './commands/load';
import type { Context } from './context';
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

/** Does the work of one command and answers its exit code. Modules are loaded when they are needed. */
type Work = (context: Context) => Promise<number>;

/**
 * Runs the command line. Everything that goes wrong has been told when it returns.
 *
 * @param argv without the program
 * @returns the exit code
 */
export async function main(argv: readonly string[]): Promise<number> {
  let work: Work | undefined;
  let options: GlobalOptions = {};
  const program = buildProgram((command, chosen) => {
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
    return printError(
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
function buildProgram(choose: (command: Command, work: Work) => void): Command {
  const program = new Command('buildfleet')
    .description('Looks at a fleet of Haskell build machines and works on them.')
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .enablePositionalOptions()
    .addHelpText('after', EXIT_CODES_HELP);
  addGlobalOptions(program);

  const add = (usage: string, description: string, parent: Command = program): Command =>
    addGlobalOptions(parent.command(usage).description(description));

  add('status', 'show power, tunnel, hub entry and GHC of every VM').action(function (this: Command) {
    choose(this, (context) => load.status().status(context));
  });

  add('ssh', 'log in to a VM, or run one command there with a terminal')
    .usage('[options] VM [-- CMD…]')
    .argument('<vm>', 'any alias of the VM')
    .argument('[command...]', 'command and its arguments, run as they are, without a shell')
    .passThroughOptions()
    .action(function (this: Command, vm: string, command: string[]) {
      choose(this, (context) => load.ssh().ssh(context, vm, withoutSeparator(command)));
    });

  add('exec', 'run a command on a VM; input, output and exit code are the command’s own')
    .usage('[options] VM -- CMD…')
    .argument('<vm>', 'any alias of the VM')
    .argument('<command...>', 'command and its arguments, run as they are, without a shell')
    .passThroughOptions()
    .action(function (this: Command, vm: string, command: string[]) {
      choose(this, (context) => load.ssh().exec(context, vm, withoutSeparator(command)));
    });

  add('smoke', 'prove the whole chain: tunnel, GHC, hub entry, and a program built and run')
    .argument('[vm...]', 'VMs to try (default: all of the fleet)')
    .action(function (this: Command, vms: string[]) {
      choose(this, (context) => load.smoke().smoke(context, vms));
    });

  add('hub', 'serve a State Hub in the foreground')
    .option('--port <port>', 'port on 127.0.0.1', '8000')
    .option('--database <path>', 'file of the database', '~/.local/state/buildfleet/hub.sqlite')
    .action(function (this: Command) {
      const { port, database } = this.opts<{ port: string; database: string }>();
      choose(this, (context) => load.hub().hub(context, port, database));
    });

  const ports = program.command('ports').description('tunnel ports and the VMs that they are reserved for');
  add('list', 'show the port registry', ports)
    .option('--registry <path>', 'the registry', 'port-registry.yml')
    .action(function (this: Command) {
      const { registry } = this.opts<{ registry: string }>();
      choose(this, (context) => load.ports().listPorts(context, registry));
    });
  add('release', 'free the port of a VM that is no longer in the fleet', ports)
    .argument('<name-or-port>', 'name of the VM, or the port')
    .option('--registry <path>', 'the registry', 'port-registry.yml')
    .action(function (this: Command, slot: string) {
      const { registry } = this.opts<{ registry: string }>();
      choose(this, (context) => load.ports().releaseSlot(context, registry, slot));
    });

  return program;
}

function addGlobalOptions(command: Command): Command {
  return command
    .option('--fleet <path>', 'fleet.json (default: BUILDFLEET_FLEET, else the only fleet deployed here)')
    .option('--json', 'print one JSON document')
    .option('--quiet', 'print data and errors only');
}

/** The separator that came after the name of the VM is not part of the command. */
function withoutSeparator(command: readonly string[]): readonly string[] {
  return command[0] === '--' ? command.slice(1) : command;
}

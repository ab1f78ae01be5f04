import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { runInteractive } from '../../process/interactive';
import { type Context, openFleet } from '../context';
import { SSH_CONNECTION_FAILED } from '../exit-codes';
import { findVm, type LoadedFleet } from '../fleet-file';
import { commandWithTerminal, sshArguments, supervisedCommand } from '../ssh/remote-command';
import { collectStatus } from '../status/collect';
import { driverPowerReader } from '../status/driver-power';

/** `buildfleet ssh VM`: a login, or one command on a terminal of its own if we have one ourselves. */
export async function ssh(context: Context, alias: string, command: readonly string[]): Promise<number> {
  const loaded = openFleet(context);
  const vm = findVm(loaded, alias);
  if (command.length === 0) return connect(context, loaded, vm, []);
  if (!process.stdin.isTTY) return runWithoutTerminal(context, loaded, vm, command);
  return connect(context, loaded, vm, ['-t'], commandWithTerminal(command));
}

/**
 * `buildfleet exec VM -- CMD…`. A terminal would turn line ends into others and mix the two outputs, so the command
 * gets one only when all three streams are a terminal here, too.
 */
export async function exec(context: Context, alias: string, command: readonly string[]): Promise<number> {
  if (command.length === 0) {
    throw new FleetError({
      code: 'usage',
      problem: 'there is no command to run',
      remedy: 'give it after `--`: `buildfleet exec VM -- CMD…`',
    });
  }
  const loaded = openFleet(context);
  const vm = findVm(loaded, alias);
  if (process.stdin.isTTY && process.stdout.isTTY && process.stderr.isTTY) {
    return connect(context, loaded, vm, ['-t', '-o', 'LogLevel=ERROR'], commandWithTerminal(command));
  }
  return runWithoutTerminal(context, loaded, vm, command);
}

function runWithoutTerminal(
  context: Context,
  loaded: LoadedFleet,
  vm: FleetVm,
  command: readonly string[],
): Promise<number> {
  return connect(context, loaded, vm, ['-T', '-o', 'LogLevel=ERROR'], supervisedCommand(command));
}

async function connect(
  context: Context,
  loaded: LoadedFleet,
  vm: FleetVm,
  options: readonly string[],
  command?: string,
): Promise<number> {
  const exitCode = await runInteractive(
    'ssh',
    sshArguments(loaded.sshConfig, ['-o', 'ConnectTimeout=10', ...options], vm.name, command),
  );
  if (exitCode === SSH_CONNECTION_FAILED) await explain(context, loaded, vm);
  return exitCode;
}

/** Says why the VM could not be reached, unless it can: then 255 was the command's own. */
async function explain(context: Context, loaded: LoadedFleet, vm: FleetVm): Promise<void> {
  const tools = { run: context.run, powerReader: driverPowerReader(loaded, context), signal: context.signal };
  const [found] = (await collectStatus(loaded, tools, [vm])).vms;
  if (found === undefined || found.tunnel.state === 'up' || found.problem === null) return;
  context.terminal.error(`buildfleet: ${vm.name}: ${found.problem.reason}: ${found.problem.remedy}`);
}

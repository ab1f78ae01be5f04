import type { FleetVm } from '../../model/fleet';
import { runInteractive } from '../../process/interactive';
import type { SshMode } from '../../ssh/arguments';
import { SshFailure } from '../../ssh/failure';
import { type Context, openFleet } from '../context';
import { SSH_CONNECTION_FAILED } from '../exit-codes';
import { findVm, type LoadedFleet } from '../fleet-file';
import { Connections } from './connections';
import { later } from '../status/later';
import { commandWithTerminal, supervisedCommand } from './remote-command';

/** `buildfleet ssh VM`: a login, or one command, with a terminal of its own if this process has one. */
export async function ssh(context: Context, alias: string, command: readonly string[]): Promise<number> {
  const loaded = openFleet(context);
  const vm = findVm(loaded, alias);
  if (command.length === 0) return connect(context, loaded, vm, 'login');
  if (!process.stdin.isTTY) return runWithoutTerminal(context, loaded, vm, command);
  return connect(context, loaded, vm, 'login-command', commandWithTerminal(command));
}

/** Runs a command without a terminal: every byte passes unchanged in both directions. */
export function runWithoutTerminal(
  context: Context,
  loaded: LoadedFleet,
  vm: FleetVm,
  command: readonly string[],
): Promise<number> {
  return connect(context, loaded, vm, 'streams', supervisedCommand(command));
}

/**
 * Runs ssh to a VM on this terminal, and explains why where the VM cannot be reached.
 *
 * @param before is called when there is a connection
 */
export async function connect(
  context: Context,
  loaded: LoadedFleet,
  vm: FleetVm,
  mode: SshMode,
  command?: string,
  before: () => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  const connections = new Connections(loaded, context);
  if (!(await isOpen(context, connections, vm))) {
    await explain(context, loaded, vm);
    return SSH_CONNECTION_FAILED;
  }
  await before();
  const { exitCode, endedBy } = await runInteractive('ssh', connections.arguments(vm, mode, command));
  if (exitCode === SSH_CONNECTION_FAILED) await explain(context, loaded, vm);
  // SIGPIPE: the reader of the output has closed it on purpose.
  if (endedBy !== undefined && endedBy !== 'SIGPIPE') {
    const problem = `the ssh to ${vm.name} was ended by ${endedBy}`;
    context.terminal.error(`buildfleet: ${problem}: what ran there has ended with it; run the command again`);
  }
  return exitCode;
}

/** Whether it makes sense to go on. A login that needs a question answered is left to the ssh that has the terminal. */
async function isOpen(context: Context, connections: Connections, vm: FleetVm): Promise<boolean> {
  try {
    await connections.open(vm);
    return true;
  } catch (error) {
    if (!(error instanceof SshFailure)) throw error;
    if (error.kind === 'key-refused') return true;
    context.terminal.error(error.stderr.trim() || error.message);
    return false;
  }
}

/** Prints why the VM could not be reached, unless it can: then 255 was the command's own. */
async function explain(context: Context, loaded: LoadedFleet, vm: FleetVm): Promise<void> {
  for (const { reason, remedy } of await later.describeTrouble()(context, loaded, [vm])) {
    context.terminal.error(`buildfleet: ${vm.name}: ${reason}: ${remedy}`);
  }
}

import { FleetError } from '../../model/errors';
import { type Context, openFleet } from '../context';
import { findVm } from '../fleet-file';
import { commandWithTerminal } from '../ssh/remote-command';
import { connect, runWithoutTerminal } from '../ssh/run';

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
    return connect(context, loaded, vm, 'terminal', commandWithTerminal(command));
  }
  return runWithoutTerminal(context, loaded, vm, command);
}

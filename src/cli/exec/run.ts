import { FleetError } from '../../model/errors';
import { type Context, openFleet } from '../context';
import { findVm } from '../fleet-file';
import { variablesOf } from '../project/environment';
import { Connections } from '../ssh/connections';
import { commandWithTerminal, supervisedCommand } from '../ssh/remote-command';
import { connect } from '../ssh/run';
import { Passing } from '../work/passing';

/**
 * `buildfleet exec VM -- CMD…`. A terminal would turn line ends into others and mix the two outputs, so the command
 * gets one only when all three streams are a terminal here, too.
 */
export async function exec(
  context: Context,
  alias: string,
  words: readonly string[],
  env: readonly string[] | undefined,
): Promise<number> {
  if (words.length === 0) {
    throw new FleetError({
      code: 'usage',
      problem: 'there is no command to run',
      remedy: 'give it after `--`: `buildfleet exec VM -- CMD…`',
    });
  }
  const loaded = openFleet(context);
  const vm = findVm(loaded, alias);
  const passing = new Passing(new Connections(loaded, context), vm, variablesOf(context, undefined, env));
  const command = passing.command(words);
  const before = () => passing.place();
  if (process.stdin.isTTY && process.stdout.isTTY && process.stderr.isTTY) {
    return connect(context, loaded, vm, 'terminal', commandWithTerminal(command), before);
  }
  return connect(context, loaded, vm, 'streams', supervisedCommand(command), before);
}

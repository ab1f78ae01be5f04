import { type Context, openFleet } from '../context';
import { EXIT } from '../exit-codes';
import { defaultVm, findVm } from '../fleet-file';
import { collectInfo } from './collect';
import { renderInfo } from './render';
import { driverPowerReader } from '../status/driver-power';

/** `buildfleet info [VM]`: the facts of a VM, as it reports them itself. */
export async function info(context: Context, alias: string | undefined): Promise<number> {
  const loaded = openFleet(context);
  const vm = alias === undefined ? defaultVm(loaded) : findVm(loaded, alias);
  const report = await collectInfo(loaded, vm, { ...context, powerReader: driverPowerReader(loaded, context) });
  context.terminal.data(context.terminal.json ? JSON.stringify(report, null, 2) : renderInfo(report));
  return EXIT.ok;
}

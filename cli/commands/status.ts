import { type Context, openFleet } from '../context';
import { EXIT } from '../exit-codes';
import { collectStatus } from '../status/collect';
import { driverPowerReader } from '../status/driver-power';
import { renderStatus } from '../status/render';

/** `buildfleet status`: exit code 4 when at least one VM cannot be used. */
export async function status(context: Context): Promise<number> {
  const loaded = openFleet(context);
  const report = await collectStatus(loaded, {
    run: context.run,
    powerReader: driverPowerReader(loaded, context),
    signal: context.signal,
  });
  context.terminal.data(
    context.terminal.json ? JSON.stringify(report, null, 2) : renderStatus(report, context.terminal.colour),
  );
  return report.vms.every((vm) => vm.usable) ? EXIT.ok : EXIT.notUsable;
}

import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { type Context, openFleet } from '../context';
import { EXIT } from '../exit-codes';
import { findVm, type LoadedFleet } from '../fleet-file';
import { collectInfo } from '../info/collect';
import { renderInfo } from '../info/render';
import { driverPowerReader } from '../status/driver-power';

/** `buildfleet info [VM]`: what a VM is, said by itself. */
export async function info(context: Context, alias: string | undefined): Promise<number> {
  const loaded = openFleet(context);
  const vm = alias === undefined ? defaultVm(loaded) : findVm(loaded, alias);
  const report = await collectInfo(loaded, vm, { ...context, powerReader: driverPowerReader(loaded, context) });
  context.terminal.data(context.terminal.json ? JSON.stringify(report, null, 2) : renderInfo(report));
  return EXIT.ok;
}

function defaultVm(loaded: LoadedFleet): FleetVm {
  const vm = loaded.fleet.vms.find((candidate) => candidate.default) ?? loaded.fleet.vms[0];
  if (vm !== undefined) return vm;
  throw new FleetError({
    code: 'vm-unknown',
    problem: `fleet ${loaded.fleet.fleet} has no VM`,
    place: loaded.file,
    remedy: 'declare one in main.ts and run `make deploy`',
  });
}

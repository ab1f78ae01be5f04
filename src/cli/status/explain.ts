import type { FleetVm } from '../../model/fleet';
import type { Context } from '../context';
import type { LoadedFleet } from '../fleet-file';
import { collectStatus } from './collect';
import { driverPowerReader } from './driver-power';
import type { Problem } from './report';

/** Why VMs cannot be used, as `buildfleet status` says it; those that can be are left out. */
export async function describeTrouble(
  context: Context,
  loaded: LoadedFleet,
  vms: readonly FleetVm[],
): Promise<readonly (Problem & { readonly vm: FleetVm })[]> {
  const tools = { run: context.run, powerReader: driverPowerReader(loaded, context), signal: context.signal };
  const report = await collectStatus(loaded, tools, vms);
  return vms.flatMap((vm) => {
    const found = report.vms.find((one) => one.name === vm.name);
    return found === undefined || found.problem === null || found.tunnel.state === 'up'
      ? []
      : [{ vm, ...found.problem }];
  });
}

import type { FleetVm } from '../../model/fleet';
import { type Context, openFleet } from '../context';
import { EXIT } from '../exit-codes';
import { findVm } from '../fleet-file';
import type { SmokeReport, Step } from './report';
import { smokeVm } from './smoke-vm';
import { driverPowerReader } from '../status/driver-power';

/** `buildfleet smoke [VM…]`: a line for each step as it is done; all VMs at the same time. */
export async function smoke(context: Context, aliases: readonly string[]): Promise<number> {
  const loaded = openFleet(context);
  const vms = aliases.length === 0 ? loaded.fleet.vms : [...new Set(aliases.map((alias) => findVm(loaded, alias)))];
  const powerReader = driverPowerReader(loaded, context);
  const width = Math.max(0, ...vms.map(({ name }) => name.length));
  const results = await Promise.all(
    vms.map(async (vm) => {
      const steps = await smokeVm(loaded, vm, {
        run: context.run,
        environment: context.environment,
        signal: context.signal,
        consoleLog: (vm) => powerReader.consoleLog(vm),
        onStep: (step) => {
          if (!context.terminal.json) context.terminal.data(renderStep(vm, step, width));
        },
      });
      return { id: vm.id, name: vm.name, ok: steps.every(({ ok }) => ok), steps: [...steps] };
    }),
  );
  if (context.terminal.json) {
    const report: SmokeReport = { formatVersion: 1, fleet: loaded.fleet.fleet, vms: results };
    context.terminal.data(JSON.stringify(report, null, 2));
  }
  return results.every(({ ok }) => ok) ? EXIT.ok : EXIT.failure;
}

function renderStep(vm: FleetVm, { step, ok, seconds, detail, remedy }: Step, width: number): string {
  const line = `${vm.name.padEnd(width)}  ${step.padEnd(12)}  ${ok ? 'ok    ' : 'FAILED'}  ${seconds.toFixed(1).padStart(5)} s  ${detail}`;
  return ok ? line : `${line}: ${remedy}`;
}

import { join } from 'node:path';
import { VirtualBoxHome } from '../../__tests__/support/virtualbox-home';
import type { VmSpec } from '../../src/drivers/driver';
import { readRecord, writeRecord } from '../../src/drivers/virtualbox/record';
import { type BenchFleet, withFleet } from './bench-fleet';
import type { BenchContext } from './figure';
import { deploySmallVms } from './small-vms';
import { installProgram } from './virtualbox-program';

/** A deployed fleet whose VMs are registered in a VirtualBox of its own, and said to run. */
export interface VirtualBoxFleet {
  readonly fleet: BenchFleet;
  readonly home: VirtualBoxHome;
  /** Leads programs to that VirtualBox. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Runs the body with a fleet that needs nothing, and takes it away again, however the body ends. */
export async function withVirtualBoxFleet<T>(
  context: BenchContext,
  count: number,
  body: (fleet: VirtualBoxFleet) => Promise<T>,
): Promise<T> {
  const home = new VirtualBoxHome();
  const programs = join(home.root, 'bin');
  const environment = { ...home.environment, PATH: `${programs}:${process.env['PATH'] ?? ''}` };
  const deployed = async (fleet: BenchFleet): Promise<T> => {
    try {
      installProgram(programs, 'running');
      context.progress(`making a fleet of ${count} VMs of VirtualBox`);
      await home.makeAppliance();
      fleet.describeSmallVms(count, 'virtualbox');
      await fleet.synth();
      await fleet.terraform.init();
      await deploySmallVms(fleet, context.signal, (spec) => importSmall(fleet, home, spec, context.signal));
      return await body({ fleet, home, environment });
    } finally {
      // what is off and said to run cannot be deleted
      installProgram(programs, 'as it is');
    }
  };
  try {
    return await withFleet(context, deployed, environment);
  } finally {
    home.remove();
  }
}

/** By the provider's driver, from an appliance of a megabyte instead of the fleet's image. */
async function importSmall(
  { project: { paths } }: BenchFleet,
  home: VirtualBoxHome,
  spec: VmSpec,
  signal: AbortSignal,
): Promise<void> {
  await home.driver({ paths }).create({ ...spec, imagePath: home.appliance }, signal);
  writeRecord(paths.vm(spec.name), spec, readRecord(paths.vm(spec.name))?.machine ?? null);
}

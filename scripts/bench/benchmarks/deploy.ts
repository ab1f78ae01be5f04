import { join } from 'node:path';
import { z } from 'zod';
import { run } from '../../../src/process/run';
import { chooseAccelerator } from '../../../src/drivers/qemu/accelerator';
import { secondsUntilBanners } from '../bare-boot';
import { withoutWarmStart } from '../../../__tests__/support/fleet-project';
import { type BenchFleet, withFleet } from '../bench-fleet';
import type { Benchmark } from '../figure';
import { interleaved, interleavedWhenWarm, secondsOf } from '../timing';

const DEPLOYS = 2;
const STATUS_ROUNDS = 5;

/** Ports that lead to the bare machines' sshd; the fleet's own range does not reach them. */
const BARE_PORTS = [14351, 14352];

const hardwareSchema = z.object({ cpus: z.number(), memory_mib: z.number() });

/** A whole deploy against bare boots of the same disk, and the status of what it brought up. */
export const deploy: Benchmark = (context) =>
  withFleet(context, async (fleet) => {
    const { signal, progress } = context;
    progress('getting the image');
    fleet.project.editMain(withoutWarmStart);
    await fleet.synth();
    await fleet.terraform.init();
    const imagePath = await fleet.image();
    const cacheFile = join(fleet.cacheDirectory, 'accelerator.json');
    const accelerator = await chooseAccelerator({ run, imagePath, cacheFile, signal });
    const vms = [...fleet.declared()].filter(([address]) => address.startsWith('buildfleet_vm.'));
    const machines = vms.map(([, body], index) => {
      const { cpus, memory_mib: memoryMib } = hardwareSchema.parse(body);
      return { imagePath, accelerator, cpus, memoryMib, sshPort: BARE_PORTS[index] ?? 0 };
    });

    let status = Number.NaN;
    const seconds = await interleaved(DEPLOYS, {
      bare: () => {
        progress('booting two bare machines');
        return secondsUntilBanners(machines, fleet.project.home, signal);
      },
      deploy: async () => {
        await fleet.destroy();
        progress('deploying two VMs');
        const ready = await secondsUntilVmsAreReady(fleet, vms.length);
        status = await secondsOfStatus(fleet, signal);
        return ready;
      },
      destroy: async () => {
        progress('destroying them');
        return secondsOf(() => fleet.destroy());
      },
    });
    return {
      figures: [
        {
          what: 'deploy with the image cached, until both VMs are registered',
          value: seconds.deploy,
          unit: 's',
          peer: { what: 'two bare boots until the ssh banner', value: seconds.bare },
          limit: { factor: 1.3, plus: 5 },
        },
        { what: 'destroy of both', value: seconds.destroy, unit: 's' },
        { what: '`buildfleet status` of the running fleet', value: status, unit: 's', limit: { plus: 1 } },
      ],
      facts: { 'QEMU acceleration': accelerator },
    };
  });

async function secondsUntilVmsAreReady(fleet: BenchFleet, count: number): Promise<number> {
  const begin = performance.now();
  const ready: number[] = [];
  await fleet.terraform.apply([], {
    onLine: (line) => {
      if (/^buildfleet_vm\.\S+: Creation complete/.test(line)) ready.push((performance.now() - begin) / 1000);
    },
  });
  if (ready.length !== count) throw new Error(`${ready.length} of ${count} VMs were created`);
  return Math.max(...ready);
}

/** Exits with 0 only if every VM is usable. */
async function secondsOfStatus(fleet: BenchFleet, signal: AbortSignal): Promise<number> {
  const work = { status: () => secondsOf(() => fleet.project.cli(['status'], { signal })) };
  return (await interleavedWhenWarm(STATUS_ROUNDS, work)).status;
}

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { writeOva } from '../../../src/images/ova/write-ova';
import { withFleet } from '../bench-fleet';
import type { Benchmark } from '../figure';
import { interleaved, secondsOf } from '../timing';

const ROUNDS = 2;

/** Writing the fleet's image as an OVA against the conversion of its disk alone. */
export const ova: Benchmark = (context) =>
  withFleet(context, async (fleet) => {
    const { signal, progress } = context;
    await fleet.synth();
    await fleet.terraform.init();
    const disk = await fleet.image();
    const directory = mkdtempSync(join(tmpdir(), 'buildfleet-bench-'));
    /** Seconds of work in a directory that is empty before and gone afterwards. */
    const timed = async (work: (directory: string) => Promise<unknown>): Promise<number> => {
      const place = join(directory, 'round');
      mkdirSync(place);
      const seconds = await secondsOf(() => work(place));
      rmSync(place, { recursive: true });
      return seconds;
    };
    const machine = { name: 'haskell-build', definitionHash: 'a'.repeat(64), cpus: 2, memoryMib: 2048 };
    try {
      const seconds = await interleaved(ROUNDS, {
        ova: () => {
          progress('writing the OVA');
          return timed((place) =>
            writeOva({ disk, path: join(place, 'image.ova'), ...machine, sourceDateEpoch: 1_600_000_000, run, signal }),
          );
        },
        bare: () => {
          progress('qemu-img convert alone');
          const convert = ['convert', '-f', 'qcow2', '-O', 'vmdk', '-o', 'subformat=streamOptimized', disk];
          return timed((place) => run('qemu-img', [...convert, join(place, 'disk.vmdk')], { signal }));
        },
      });
      return {
        figures: [
          {
            what: 'OVA of an image',
            value: seconds.ova,
            unit: 's',
            peer: { what: '`qemu-img convert` to streamOptimized', value: seconds.bare },
            limit: { factor: 1.5, plus: 0 },
          },
        ],
      };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

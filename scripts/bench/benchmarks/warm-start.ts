import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { vmName } from '../../../src/model/names';
import { listProcesses } from '../../../src/process/process-identity';
import { readProcessStat } from '../../../src/process/process-stat';
import { type BenchFleet, withFleet } from '../bench-fleet';
import type { Benchmark, Figure } from '../figure';
import { median } from '../timing';

const ROUNDS = 3;
const MEBIBYTE = 1024 * 1024;
const BLOCK = 512;

/** One or several VMs that came up at the same time. */
interface Start {
  /** From the start of the first VM's creation until each is registered and has let a login in. */
  readonly seconds: number;
  /** Processor time of QEMU for each VM, at that moment. */
  readonly processorSeconds: number;
  /** Memory that each VM has, what several share divided among them, in MiB. */
  readonly memory: number;
}

/** New VMs that are resumed from a snapshot, one and four at once, beside one that boots. */
export const warmStart: Benchmark = (context) =>
  withFleet(context, async (fleet) => {
    const { progress } = context;
    progress('getting the image');
    const all = ['vm-1', 'vm-2', 'vm-3', 'vm-4'];
    fleet.describeVms(all, false);
    await fleet.synth();
    await fleet.terraform.init();
    const imagePath = await fleet.image();
    progress('booting one VM');
    const cold = [await start(fleet, ['vm-1'])];

    fleet.describeVms(all, true);
    await fleet.synth();
    progress('making the snapshot');
    await fleet.project.cli(['image', 'warm']);
    const one: Start[] = [];
    const four: Start[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      progress('resuming one VM');
      one.push(await start(fleet, ['vm-1']));
      progress('resuming four VMs');
      four.push(await start(fleet, all));
    }
    const peer = { what: 'the same with a boot', value: middle(cold, 'seconds') };
    const what = 'until it is registered and lets a login in';
    const figures: Figure[] = [
      { what: `new VM from a snapshot, ${what}`, value: middle(one, 'seconds'), unit: 's', peer, limit: { plus: 3 } },
      { what: `four at once, ${what}`, value: middle(four, 'seconds'), unit: 's', limit: { plus: 6 } },
      {
        what: `processor time of one, ${what}`,
        value: middle(one, 'processorSeconds'),
        unit: 's',
        peer: { what: peer.what, value: middle(cold, 'processorSeconds') },
        limit: { plus: 2.5 },
      },
      {
        what: `processor time of each of four, ${what}`,
        value: middle(four, 'processorSeconds'),
        unit: 's',
        limit: { plus: 2.5 },
      },
      {
        what: 'memory of each of four idle VMs from one snapshot (PSS)',
        value: middle(four, 'memory'),
        unit: 'MiB',
        peer: { what: peer.what, value: middle(cold, 'memory') },
        limit: { plus: 220 },
      },
      {
        what: 'snapshot of 2 GiB on disk',
        value: sizeOfSnapshot(imagePath),
        unit: 'MiB',
        limit: { plus: 320 },
      },
    ];
    return { figures };
  });

function middle(starts: readonly Start[], what: keyof Start): number {
  return median(starts.map((one) => one[what]));
}

/** Makes these VMs, and takes them away again. */
async function start(fleet: BenchFleet, ids: readonly string[]): Promise<Start> {
  const addresses = ids.map((id) => `buildfleet_vm.${id}`);
  // What the VMs need is there.
  const client = ['fleet-file', 'known-hosts', 'ssh-config', 'ssh-include'].map(
    (name) => `buildfleet_managed_file.workstation_client_${name}`,
  );
  await fleet.terraform.apply([...client, ...ids.map((id) => `buildfleet_identity.${id}_identity`)]);
  let begin = Number.NaN;
  const logins: Promise<unknown>[] = [];
  await fleet.terraform.apply(addresses, {
    onLine: (line) => {
      const [, id = '', event] = /^buildfleet_vm\.(\S+): (Creating|Creation complete)/.exec(line) ?? [];
      if (event === 'Creating' && Number.isNaN(begin)) begin = performance.now();
      if (event === 'Creation complete') logins.push(fleet.logIn(vmName(id)));
    },
  });
  await Promise.all(logins);
  if (logins.length !== ids.length) throw new Error(`${logins.length} of ${ids.length} VMs were created`);
  const seconds = (performance.now() - begin) / 1000;
  const pids = listProcesses()
    .filter(({ argv }) => argv[0]?.includes('qemu-system') === true && argv.join(' ').includes(fleet.project.paths.vms))
    .map(({ pid }) => pid);
  const result = {
    seconds,
    processorSeconds: mean(pids.map((pid) => readProcessStat(pid)?.processorSeconds ?? Number.NaN)),
    memory: mean(pids.map(memoryOf)),
  };
  for (const address of addresses) {
    await fleet.terraform.run(['destroy', '-auto-approve', '-input=false', '-no-color', `-target=${address}`]);
  }
  return result;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function memoryOf(pid: number): number {
  return Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1]) / 1024;
}

/** The largest that lies beside an image: there may be others, of machines with less. */
function sizeOfSnapshot(imagePath: string): number {
  const directory = dirname(imagePath);
  const sizes = readdirSync(directory)
    .filter((name) => /^warm-[0-9a-f]+$/.test(name))
    .map((name) => {
      const files = readdirSync(join(directory, name)).map(
        (file) => lstatSync(join(directory, name, file)).blocks * BLOCK,
      );
      return files.reduce((sum, bytes) => sum + bytes, 0) / MEBIBYTE;
    });
  return Math.max(...sizes);
}

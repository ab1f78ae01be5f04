import { VBOXMANAGE, VirtualBoxHome } from '../../../__tests__/support/virtualbox-home';
import { run } from '../../../src/process/run';
import { parseVmList } from '../../../src/drivers/virtualbox/output';
import type { BenchContext, Benchmark, Figure } from '../figure';
import { parseState, requireNoChanges } from '../terraform';
import { interleavedWhenWarm, secondsOf } from '../timing';
import { type VirtualBoxFleet, withVirtualBoxFleet } from '../virtualbox-fleet';
import { requireVirtualBox } from '../virtualbox-program';
import { VagrantProject, vagrantVersion } from '../virtualbox-vagrant';

const READS = [1, 10, 50];
const READ_ROUNDS = 15;
const FLEET_SIZE = 10;
const FLEET_ROUNDS = 3;

/** Resources that Terraform refreshes at a time. */
const AT_ONCE = 10;

/** Cost of VMs of VirtualBox without changes: their reads, and a deploy of a whole fleet of them. */
export const virtualbox: Benchmark = async (context) => {
  context.progress('looking for VirtualBox and Vagrant');
  const version = await requireVirtualBox(context.signal);
  const vagrant = await vagrantVersion(context.signal);
  const figures = [...(await reads(context)), ...(await deploysNothing(context, vagrant !== null))];
  return { figures, facts: { VirtualBox: version, Vagrant: vagrant ?? 'not installed' } };
};

async function reads({ signal, progress }: BenchContext): Promise<Figure[]> {
  const home = new VirtualBoxHome();
  try {
    await home.makeAppliance();
    const figures: Figure[] = [];
    const names: string[] = [];
    for (const count of READS) {
      const vms = count === 1 ? '1 VM' : `${count} VMs`;
      progress(`importing ${vms} into VirtualBox`);
      while (names.length < count) {
        const spec = home.spec();
        await home.driver().create(spec, signal);
        names.push(spec.name);
      }
      const work = {
        refresh: () => secondsOf(() => refresh(home, names)),
        list: () => secondsOf(() => home.run(VBOXMANAGE, ['list', '-l', 'vms'], { signal })),
      };
      progress(`reading ${vms} of VirtualBox`);
      const seconds = await interleavedWhenWarm(READ_ROUNDS, work);
      figures.push({
        what: `refresh of ${vms} of VirtualBox`,
        value: seconds.refresh,
        unit: 's',
        peer: { what: 'one `VBoxManage list -l vms`', value: seconds.list },
        limit: { factor: 1.2, plus: 0 },
      });
    }
    return figures;
  } finally {
    home.remove();
  }
}

/** As the provider is asked, which has one driver for all VMs and is started for each command. */
async function refresh(home: VirtualBoxHome, names: readonly string[]): Promise<void> {
  const driver = home.driver();
  const waiting = [...names];
  const worker = async (): Promise<void> => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const vm = await driver.inspect(name);
      if (vm?.fleet == null || vm.imageHash === null) throw new Error(`${name} was not recognized`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function deploysNothing(context: BenchContext, hasVagrant: boolean): Promise<Figure[]> {
  const { signal, progress } = context;
  return withVirtualBoxFleet(context, FLEET_SIZE, async (made) => {
    const { fleet, environment } = made;
    const vagrant = hasVagrant ? new VagrantProject(FLEET_SIZE, environment, signal) : undefined;
    try {
      progress(`making ${FLEET_SIZE} VMs with Vagrant`);
      await vagrant?.create();
      const deploy = async (): Promise<void> => {
        requireNoChanges((await fleet.project.cdktf('deploy', { env: environment, signal })).stdout);
      };
      const apply = async (): Promise<void> => {
        requireNoChanges((await fleet.terraform.apply()).stdout);
      };
      const work = {
        apply: () => secondsOf(apply),
        deploy: () => secondsOf(deploy),
        peer: () => secondsOf(() => vagrant?.nothingToDo() ?? showEach(made, FLEET_SIZE, signal)),
      };
      progress(`deploying ${FLEET_SIZE} VMs of VirtualBox that need nothing`);
      const seconds = await interleavedWhenWarm(FLEET_ROUNDS, work);
      const { resources } = parseState(fleet.project.state());
      const what = vagrant
        ? `\`vagrant status\` and \`vagrant up\` of ${FLEET_SIZE} VMs`
        : `\`VBoxManage showvminfo\` of ${FLEET_SIZE} VMs, one after the other`;
      const peer = { what, value: seconds.peer };
      const nothing = `nothing to change, ${FLEET_SIZE} VMs of VirtualBox`;
      return [
        {
          what: `\`terraform apply\`, ${nothing} (${resources.length} resources)`,
          value: seconds.apply,
          unit: 's',
          peer,
          ...(vagrant ? { limit: { factor: 0.1, plus: 0 } } : {}),
        },
        { what: `\`cdktf deploy fleet\`, ${nothing}`, value: seconds.deploy, unit: 's', peer },
      ];
    } finally {
      vagrant?.remove();
    }
  });
}

async function showEach({ home, environment }: VirtualBoxFleet, count: number, signal: AbortSignal): Promise<void> {
  const machines = parseVmList(await home.manage('list', 'vms'));
  if (machines.length !== count) throw new Error(`VirtualBox knows ${machines.length} VMs`);
  for (const { uuid } of machines) {
    await run('VBoxManage', ['showvminfo', uuid, '--machinereadable'], { env: environment, signal });
  }
}

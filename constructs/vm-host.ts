import type { Construct, IConstruct } from 'constructs';
import { z } from 'zod';
import { EMBEDDED_TUNNEL_ADDRESS } from '../model/names';
import { Size } from '../model/size';
import { FleetConstruct, type Problem } from './fleet-construct';
import { cpusSchema, sizeSchema } from './schemas';

/** What a host can give to its VMs. Declared, never probed: a plan must be the same wherever it is made. */
export interface Capacity {
  readonly cpus: number;
  readonly memory: Size;
}

/** A VM as its host sees it. */
export interface IHostedVm extends IConstruct {
  readonly valid: boolean;
  readonly cpus: number;
  readonly memory: Size;
}

/** A machine that runs VMs. */
export interface IVmHost extends IConstruct {
  readonly id: string;
  readonly hypervisor: 'qemu';
  readonly connection: 'local';
  /** Address at which a VM on this host finds the workstation. */
  readonly workstationAddress: string;
  readonly capacity: Capacity;
  /** Called by a VM that is placed here. */
  addVm(vm: IHostedVm): void;
}

export interface LocalVmHostProps {
  /** What runs the VMs. @default 'qemu' */
  readonly hypervisor?: 'qemu';
  /** What the VMs of this host may use together, and each of them alone. */
  readonly capacity: Capacity;
}

const propsSchema = z.strictObject({
  hypervisor: z.enum(['qemu']).default('qemu').meta({ remedy: "use 'qemu'" }),
  capacity: z
    .strictObject({ cpus: cpusSchema, memory: sizeSchema })
    .meta({ remedy: 'say what the machine can give, { cpus: 4, memory: Size.gibibytes(8) }' }),
});

/** One machine that runs VMs. */
export class VmHost extends FleetConstruct implements IVmHost {
  /** The workstation itself, with QEMU and user-mode networking: no bridge and no root is needed. */
  static local(scope: Construct, id: string, props: LocalVmHostProps): VmHost {
    return new VmHost(scope, id, props);
  }

  readonly hypervisor: 'qemu';
  readonly connection = 'local';
  readonly workstationAddress = EMBEDDED_TUNNEL_ADDRESS;
  readonly capacity: Capacity;
  private readonly vms: IHostedVm[] = [];

  private constructor(scope: Construct, id: string, props: LocalVmHostProps) {
    super(scope, id);
    const { hypervisor, capacity } = this.check(propsSchema, props);
    this.hypervisor = hypervisor;
    this.capacity = capacity;
    this.addCheck(() => (this.valid ? this.overcommitted() : []));
  }

  addVm(vm: IHostedVm): void {
    this.vms.push(vm);
  }

  /** A VM that is too large by itself says so itself. */
  private overcommitted(): Problem[] {
    const fitting = this.vms.filter(
      (vm) =>
        vm.valid && vm.cpus <= this.capacity.cpus && vm.memory.toMebibytes() <= this.capacity.memory.toMebibytes(),
    );
    const cpus = fitting.reduce((sum, vm) => sum + vm.cpus, 0);
    const memory = Size.mebibytes(fitting.reduce((sum, vm) => sum + vm.memory.toMebibytes(), 0));
    const names = fitting.map((vm) => vm.node.id).join(', ');
    const remedy = 'make VMs smaller, move one to another host, or raise capacity if the machine has it';
    return [
      ...(cpus > this.capacity.cpus
        ? [
            {
              code: 'host-cpus',
              problem: `${names} together need more CPUs than the host's ${this.capacity.cpus}`,
              value: cpus,
              remedy,
            },
          ]
        : []),
      ...(memory.toMebibytes() > this.capacity.memory.toMebibytes()
        ? [
            {
              code: 'host-memory',
              problem: `${names} together need more memory than the host's ${String(this.capacity.memory)}`,
              value: memory,
              remedy,
            },
          ]
        : []),
    ];
  }
}

import type { Construct, IConstruct } from 'constructs';
import { z } from 'zod';
import type { HypervisorFeatures, NetworkFeature } from '../src/drivers/features';
import { HYPERVISORS } from '../src/drivers/hypervisors';
import {
  bridgeAdapterSchema,
  DEFAULT_HYPERVISOR,
  type Hypervisor,
  hypervisorSchema,
  type ImageFormat,
  type NetworkKind,
  networkKindSchema,
  type UserNetwork,
  userNetworkSchema,
} from '../src/model/hypervisor';
import { Size } from '../src/model/size';
import { FleetConstruct, type Problem } from './private/fleet-construct';
import { cpusSchema, sizeSchema } from './private/schemas';

/** Memory and CPUs of a host for its VMs. Declared, never probed: a plan must be the same wherever it is made. */
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
  readonly hypervisor: Hypervisor;
  /** Features of the hypervisor. */
  readonly features: HypervisorFeatures;
  readonly connection: 'local';
  /** Format of the images of this host's VMs. */
  readonly imageFormat: ImageFormat;
  /** How the VMs of this host reach others. */
  readonly network: NetworkKind;
  /** Address at which the VMs find this machine; null where both are on one network. */
  readonly hostAddress: string | null;
  /** Adapter that bridged VMs use; undefined leaves the choice to the deploy. */
  readonly bridgeAdapter: string | undefined;
  /** What the VMs reach of this machine; undefined is the default. */
  readonly userNetwork: UserNetwork | undefined;
  /** As in {@link LocalVmHostProps}. */
  readonly warmStart: boolean | undefined;
  readonly capacity: Capacity;
  /** Called by a VM that is placed here. */
  addVm(vm: IHostedVm): void;
}

export interface LocalVmHostProps {
  /**
   * Hypervisor of the VMs.
   * @default 'qemu'
   */
  readonly hypervisor?: Hypervisor;
  /**
   * How the VMs reach others: `nat` through this machine, `bridged` as machines of their own on the network of one of its
   * adapters. QEMU has `nat` only.
   * @default 'nat' for QEMU, 'bridged' for VirtualBox
   */
  readonly network?: NetworkKind;
  /**
   * Adapter of this machine that bridged VMs use, as the hypervisor names it.
   * @default the first that is up, wired before wireless
   */
  readonly bridgeAdapter?: string;
  /**
   * What QEMU VMs reach of this machine, from their next start on: `isolated`, the relay that their tunnels dial and
   * nothing else; `open`, every service of its loopback and of its own addresses, without pasta and user namespaces.
   * VirtualBox's NAT is always open.
   * @default 'isolated'
   */
  readonly userNetwork?: UserNetwork;
  /**
   * Whether new VMs of QEMU and an image made by `debian` are resumed from a snapshot that this machine makes, in the
   * background, of a machine that has booted the image and waits for its identity. Every later start is a boot.
   * @default true
   */
  readonly warmStart?: boolean;
  /** What the VMs of this host may use together, and each of them alone. */
  readonly capacity: Capacity;
}

const propsSchema = z.strictObject({
  hypervisor: hypervisorSchema
    .default(DEFAULT_HYPERVISOR)
    .meta({ remedy: `use one of: ${hypervisorSchema.options.join(', ')}` }),
  network: networkKindSchema.optional().meta({ remedy: `use one of: ${networkKindSchema.options.join(', ')}` }),
  bridgeAdapter: bridgeAdapterSchema
    .optional()
    .meta({ remedy: 'name an adapter as `VBoxManage list bridgedifs` does' }),
  userNetwork: userNetworkSchema.optional().meta({ remedy: `use one of: ${userNetworkSchema.options.join(', ')}` }),
  warmStart: z.boolean().optional(),
  capacity: z
    .strictObject({ cpus: cpusSchema, memory: sizeSchema })
    .meta({ remedy: 'say what the machine can give, { cpus: 4, memory: Size.gibibytes(8) }' }),
});

/** One machine that runs VMs. */
export class VmHost extends FleetConstruct implements IVmHost {
  /** The workstation itself. With QEMU no bridge and no root is needed. */
  static local(scope: Construct, id: string, props: LocalVmHostProps): VmHost {
    return new VmHost(scope, id, props);
  }

  readonly hypervisor: Hypervisor;
  readonly features: HypervisorFeatures;
  readonly connection = 'local';
  readonly imageFormat: ImageFormat;
  readonly network: NetworkKind;
  readonly hostAddress: string | null;
  readonly bridgeAdapter: string | undefined;
  readonly userNetwork: UserNetwork | undefined;
  readonly warmStart: boolean | undefined;
  readonly capacity: Capacity;
  private readonly vms: IHostedVm[] = [];

  private constructor(scope: Construct, id: string, props: LocalVmHostProps) {
    super(scope, id);
    const { hypervisor, capacity, network, bridgeAdapter, userNetwork, warmStart } = this.check(propsSchema, props);
    this.features = HYPERVISORS[hypervisorSchema.safeParse(hypervisor).data ?? DEFAULT_HYPERVISOR];
    const { imageFormat, networks } = this.features;
    this.hypervisor = hypervisor;
    this.imageFormat = imageFormat;
    this.network = network ?? networks[0].kind;
    this.hostAddress = networks.find(({ kind }) => kind === this.network)?.hostAddress ?? null;
    this.bridgeAdapter = bridgeAdapter;
    this.userNetwork = userNetwork;
    this.warmStart = warmStart;
    this.capacity = capacity;
    if (this.valid) this.checkNetwork(networks);
    if (warmStart === true && !this.features.warmStart) {
      this.report({
        code: 'host-warm-start',
        problem: `${this.hypervisor} cannot start VMs warm here`,
        value: warmStart,
        remedy: 'leave warmStart out',
      });
    }
    this.addCheck(() => (this.valid ? this.overcommitted() : []));
  }

  addVm(vm: IHostedVm): void {
    this.vms.push(vm);
  }

  private checkNetwork(networks: readonly NetworkFeature[]): void {
    const kinds = networks.map(({ kind }) => kind);
    if (!kinds.includes(this.network)) {
      this.report({
        code: 'host-network',
        problem: `${this.hypervisor} cannot give its VMs this network here`,
        value: this.network,
        remedy: `use one of: ${kinds.join(', ')}`,
      });
    } else if (this.bridgeAdapter !== undefined && this.network !== 'bridged') {
      this.report({
        code: 'host-network',
        problem: `VMs on network ${this.network} use no bridge adapter`,
        value: this.bridgeAdapter,
        remedy: "leave bridgeAdapter out, or set network to 'bridged'",
      });
    } else if (this.userNetwork !== undefined && !networks.some((feature) => this.isIsolating(feature))) {
      this.report({
        code: 'host-network',
        problem: `${this.hypervisor} cannot tell what VMs on network ${this.network} reach of this machine`,
        value: this.userNetwork,
        remedy: 'leave userNetwork out',
      });
    }
  }

  private isIsolating({ kind, canIsolate }: NetworkFeature): boolean {
    return kind === this.network && canIsolate;
  }

  /** A VM that is too large by itself reports that itself. */
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
              code: 'host-cpus' as const,
              problem: `${names} together need more CPUs than the host's ${this.capacity.cpus}`,
              value: cpus,
              remedy,
            },
          ]
        : []),
      ...(memory.toMebibytes() > this.capacity.memory.toMebibytes()
        ? [
            {
              code: 'host-memory' as const,
              problem: `${names} together need more memory than the host's ${String(this.capacity.memory)}`,
              value: memory,
              remedy,
            },
          ]
        : []),
    ];
  }
}

import { createHash } from 'node:crypto';
import type { Construct } from 'constructs';
import { z } from 'zod';
import {
  DEFAULT_DRAIN_TIMEOUT_SECONDS,
  DEFAULT_HEARTBEAT_SECONDS,
  DEFAULT_READY_TIMEOUT_SECONDS,
  DEFAULT_VM_CPUS,
  DEFAULT_VM_MEMORY,
} from '../src/model/defaults';
import { Duration } from '../src/model/duration';
import { NAME_PATTERN, VM_NAME_PREFIX, vmName } from '../src/model/names';
import { imageFile } from '../src/model/paths';
import { portSchema } from '../src/model/port';
import { identityShape } from '../src/model/resources/identity';
import { macSchema, vmShape } from '../src/model/resources/vm';
import type { Size } from '../src/model/size';
import { INSTANCE_ID_PLACEHOLDER, SEED_PLACEHOLDERS, renderMetaData, renderUserData } from '../src/rendering/seed';
import { catalogFile, renderTunnelCatalogEntry } from '../src/rendering/tunnel-catalog';
import { fleetOf } from './private/fleet';
import { FleetConstruct, type Problem, constructSchema } from './private/fleet-construct';
import type { IBuildImage } from './haskell-build-image';
import type { IRendersFiles, RenderedFile } from './private/rendered-file';
import { ShapedResource } from './private/resource';
import { cpusSchema, durationSchema, sizeSchema, waitSchema } from './private/schemas';
import { SmokeTest } from './smoke-test';
import { TunnelSlot } from './tunnel-slot';
import type { IVmHost } from './vm-host';
import type { ITunnelledVm, IWorkstation } from './private/workstation-interface';

export interface BuildVmProps {
  /** Where the VM's tunnel ends. */
  readonly workstation: IWorkstation;
  /** Host that runs the VM. */
  readonly host: IVmHost;
  /** Image of the VM's disk. Another image replaces the VM. */
  readonly image: IBuildImage;
  /**
   * Changed in place, with a restart of the VM.
   * @default 2
   */
  readonly cpus?: number;
  /**
   * Changed in place, with a restart of the VM.
   * @default 2 GiB
   */
  readonly memory?: Size;
  /**
   * Port of the workstation that leads to the VM.
   * @default the one that the port registry reserves for it, else the lowest free one
   */
  readonly tunnelPort?: number;
  /**
   * Whether it is meant where no VM is named, and reached as plain `haskell-build`.
   * @default the first VM of the workstation is
   */
  readonly default?: boolean;
  /**
   * Address of the network interface.
   * @default one that follows from the names of fleet and VM
   */
  readonly mac?: string;
  /**
   * Time between two signs of life in the State Hub.
   * @default 30 seconds
   */
  readonly heartbeat?: Duration;
  /**
   * Time that the VM has to dial in and register.
   * @default 10 minutes
   */
  readonly readyTimeout?: Duration;
  /**
   * Time that running builds have to end before the VM is stopped, replaced or deleted; it takes no new ones meanwhile. If
   * they do not, the deploy fails and names them. Without any time builds are ended with the VM.
   * @default 10 minutes
   */
  readonly drainTimeout?: Duration;
  /**
   * Whether a deploy proves the whole chain after a change of the VM.
   * @default true
   */
  readonly smokeTest?: boolean;
}

const propsSchema = z.strictObject({
  workstation: constructSchema<IWorkstation>('a Workstation', 'tunnelPorts').meta({
    remedy: "pass one, Workstation.embedded(fleet, 'workstation')",
  }),
  host: constructSchema<IVmHost>('a VmHost', 'capacity').meta({
    remedy: "pass one, VmHost.local(fleet, 'local', {…})",
  }),
  image: constructSchema<IBuildImage>('an image', 'definitionHash').meta({
    remedy: "pass one, HaskellBuildImage.debian(fleet, 'haskell')",
  }),
  cpus: cpusSchema.default(DEFAULT_VM_CPUS),
  memory: sizeSchema.default(DEFAULT_VM_MEMORY),
  tunnelPort: portSchema.optional().meta({ remedy: "give a port of the workstation's tunnelPorts, or none" }),
  default: z.boolean().default(false),
  mac: macSchema.optional(),
  heartbeat: durationSchema.default(Duration.seconds(DEFAULT_HEARTBEAT_SECONDS)),
  readyTimeout: durationSchema.default(Duration.seconds(DEFAULT_READY_TIMEOUT_SECONDS)),
  drainTimeout: waitSchema.default(Duration.seconds(DEFAULT_DRAIN_TIMEOUT_SECONDS)),
  smokeTest: z.boolean().default(true),
});

/** Constructs that a VM needs; without all of them it has no place in the fleet. */
const wiringSchema = z.object(propsSchema.shape).pick({ workstation: true, host: true, image: true });

/** One build machine: its keys, its tunnel slot and the VM itself. */
export class BuildVm extends FleetConstruct implements ITunnelledVm, IRendersFiles {
  readonly vmName: string;
  readonly isDefault: boolean;
  readonly workstation: IWorkstation;
  readonly host: IVmHost;
  readonly image: IBuildImage;
  readonly cpus: number;
  readonly memory: Size;
  readonly mac: string;
  readonly pinnedPort: number | undefined;
  private readonly slot: TunnelSlot;
  private readonly identity: ShapedResource<typeof identityShape>;
  private readonly resource: ShapedResource<typeof vmShape>;
  private readonly props: z.infer<typeof propsSchema>;

  constructor(scope: Construct, id: string, props: BuildVmProps) {
    super(scope, id);
    this.props = this.check(propsSchema, props);
    this.vmName = vmName(id);
    this.isDefault = this.props.default;
    this.workstation = this.props.workstation;
    this.host = this.props.host;
    this.image = this.props.image;
    this.cpus = this.props.cpus;
    this.memory = this.props.memory;
    this.mac = this.props.mac ?? defaultMac(fleetOf(this).fleetName, this.vmName);
    this.pinnedPort = this.props.tunnelPort;
    // mistakes here have been reported; nothing is synthesized from them
    const wired = wiringSchema.safeParse(this.props).success ? this.props : undefined;

    this.identity = new ShapedResource(this, 'identity', identityShape, {
      attributes: () => ({ vmName: this.vmName }),
    });
    this.slot = new TunnelSlot(this, 'tunnel', { workstation: wired?.workstation, vmName: this.vmName });
    const imagePath = wired?.image.artifactPath(wired.host.imageFormat) ?? '';
    this.resource = new ShapedResource(this, 'Resource', vmShape, {
      dependsOn: wired?.workstation.beforeVms ?? [],
      postcondition: { condition: '${self.problem == ""}', errorMessage: '${self.problem}' },
      attributes: () => ({
        name: this.vmName,
        hypervisor: this.host.hypervisor,
        imageHash: this.image.definitionHash,
        imagePath,
        identity: {
          hostFingerprint: this.identity.ref('hostFingerprint'),
          tunnelFingerprint: this.identity.ref('tunnelFingerprint'),
        },
        cpus: this.cpus,
        memoryMib: this.memoryMib,
        mac: this.mac,
        network: this.host.network,
        bridgeAdapter: this.host.bridgeAdapter,
        userNetwork: this.host.userNetwork,
        warmStart: this.host.features.warmStart && !canStartWarm(this.image) ? false : this.host.warmStart,
        tunnelPort: this.tunnelPort,
        relay: {
          host: this.workstationAddress ?? '',
          port: this.workstation.sshdPort,
          user: this.workstation.tunnelAccount,
          hostPublicKey: this.workstation.sshdHostPublicKey,
        },
        hub: {
          url: this.workstation.hubUrl,
          port: this.workstation.hubPort,
          domain: this.workstation.capability.domain,
          capabilityType: this.workstation.capability.capabilityType,
        },
        developerPublicKeys: this.workstation.developerPublicKeys,
        heartbeatSeconds: this.heartbeatSeconds,
        readyTimeoutSeconds: this.props.readyTimeout.toSeconds(),
        drainTimeoutSeconds: this.props.drainTimeout.toSeconds(),
        developerKey: this.workstation.developerKey,
      }),
    });
    wired?.workstation.addVm(this);
    wired?.host.addVm(this);
    if (wired?.smokeTest) new SmokeTest(this, 'smoke', { vm: this });
    this.addCheck(() => (this.valid ? [...this.tooLarge(), ...this.sharedNames(), ...this.unreachable()] : []));
  }

  get memoryMib(): number {
    return this.memory.toMebibytes();
  }

  get tunnelPort(): number {
    return this.slot.port;
  }

  get heartbeatSeconds(): number {
    return this.props.heartbeat.toSeconds();
  }

  get testTriggers(): Record<string, string> {
    const { resource } = this;
    return {
      vm: resource.text('id'),
      image: resource.text('imageHash'),
      cpus: resource.text('cpus'),
      memory_mib: resource.text('memoryMib'),
      tunnel_port: resource.text('tunnelPort'),
    };
  }

  get tunnelPublicKey(): string {
    return this.identity.ref('tunnelPublicKey');
  }

  get hostPublicKey(): string {
    return this.identity.ref('hostPublicKey');
  }

  renderFiles(): readonly RenderedFile[] {
    return [
      {
        path: `vms/${this.id}/user-data`,
        content: renderUserData({
          environment: {
            hostName: this.vmName,
            hub: { port: this.workstation.hubPort, domain: this.workstation.capability.domain },
            relay: {
              host: this.workstationAddress ?? '',
              port: this.workstation.sshdPort,
              user: 'ACCOUNT_THAT_DEPLOYS',
            },
            tunnelPort: this.tunnelPort,
            heartbeatSeconds: this.heartbeatSeconds,
          },
          keys: SEED_PLACEHOLDERS,
        }),
      },
      {
        path: `vms/${this.id}/meta-data`,
        content: renderMetaData({ instanceId: INSTANCE_ID_PLACEHOLDER, hostName: this.vmName }),
      },
      {
        path: catalogFile(this.vmName),
        content: renderTunnelCatalogEntry({
          vmName: this.vmName,
          tunnelPort: this.tunnelPort,
          sshConfig: fleetOf(this).paths.sshConfig,
        }),
      },
      ...this.firstDeployScript(),
    ];
  }

  private firstDeployScript(): readonly RenderedFile[] {
    const { firstDeployScript: script } = this.host.features;
    if (script === null) return [];
    const { fleetName, cacheDirectory, paths } = fleetOf(this);
    const { vmName: name, cpus, memoryMib, mac } = this;
    const { network, bridgeAdapter = null } = this.host;
    const imageHash = this.image.definitionHash;
    const content = script.render({
      ...{ name, fleet: fleetName, imageHash, cpus, memoryMib, mac, network, bridgeAdapter },
      imagePath: imageFile(cacheDirectory, imageHash, this.host.imageFormat),
      vmDirectory: paths.vm(name),
    });
    return [{ path: `vms/${this.id}/${script.file}`, content, executable: true }];
  }

  /** Address at which the VM finds the workstation; a VM without one is reported. */
  private get workstationAddress(): string | undefined {
    return this.host.hostAddress ?? this.workstation.address;
  }

  private tooLarge(): Problem[] {
    const { capacity } = this.host;
    const remedy = `lower it, or raise the capacity of ${this.host.node.path} if the machine has it`;
    const problems: Problem[] = [];
    if (this.cpus > capacity.cpus) {
      problems.push({
        code: 'vm-cpus',
        problem: `more CPUs than the host's ${capacity.cpus}`,
        value: this.cpus,
        remedy,
      });
    }
    if (this.memoryMib > capacity.memory.toMebibytes()) {
      problems.push({
        code: 'vm-memory',
        problem: `more memory than the host's ${String(capacity.memory)}`,
        value: this.memory,
        remedy,
      });
    }
    return problems;
  }

  private unreachable(): Problem[] {
    if (this.workstationAddress !== undefined) return [];
    return [
      {
        code: 'workstation-address',
        problem: `it is on a network of its own (${this.host.node.path} is bridged), and ${this.workstation.node.path} has no address there`,
        value: this.workstation.address ?? null,
        remedy: "give the workstation one, { address: '192.168.1.10' }, or the host { network: 'nat' }",
      },
    ];
  }

  /** The later one of two VMs reports the names that they share. */
  private sharedNames(): Problem[] {
    const { vms } = this.workstation;
    const earlier = vms.slice(0, vms.indexOf(this)).filter((vm) => vm.valid);
    const problems: Problem[] = [];
    if (!NAME_PATTERN.test(this.vmName)) {
      problems.push({
        code: 'bad-name',
        problem: `the VM's name is too long for a host name`,
        value: this.vmName,
        remedy: 'shorten the id',
      });
    }
    const named = earlier.find((vm) => [vm.vmName, vm.id].some((name) => name === this.vmName || name === this.id));
    if (named) {
      problems.push({
        code: 'duplicate-name',
        problem: `${named.node.path} has the same name`,
        value: this.id,
        remedy: 'give one of the two another name',
      });
    }
    const elsewhere =
      this.id === 'localhost'
        ? 'the workstation itself'
        : this.id === VM_NAME_PREFIX && this.workstation.defaultVm !== this
          ? 'the default VM'
          : undefined;
    if (elsewhere !== undefined) {
      problems.push({
        code: 'reserved-name',
        problem: `ssh reaches ${elsewhere} by this name`,
        value: this.id,
        remedy: 'give the VM another name',
      });
    }
    const addressed = earlier.find((vm) => vm.mac === this.mac);
    if (addressed) {
      problems.push({
        code: 'duplicate-mac',
        problem: `${addressed.node.path} has the same MAC address`,
        value: this.mac,
        remedy: 'give one of the two another mac, or none',
      });
    }
    const standard = this.isDefault ? earlier.find((vm) => vm.isDefault) : undefined;
    if (standard) {
      problems.push({
        code: 'second-default',
        problem: `${standard.node.path} is the default VM already`,
        value: this.isDefault,
        remedy: 'leave `default: true` with one of the two',
      });
    }
    return problems;
  }
}

/** What a machine waits for before it has an identity is in images that mmdebstrap builds. */
function canStartWarm({ builder }: IBuildImage): boolean {
  return builder === 'mmdebstrap';
}

/** In QEMU's locally administered range, and the same wherever the plan is made. */
function defaultMac(fleet: string, vm: string): string {
  const digest = createHash('sha256').update(`${fleet}/${vm}`).digest('hex');
  return ['52', '54', '00', digest.slice(0, 2), digest.slice(2, 4), digest.slice(4, 6)].join(':');
}

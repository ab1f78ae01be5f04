import { homedir } from 'node:os';
import type { Construct } from 'constructs';
import { z } from 'zod';
import {
  DEFAULT_DEVELOPER_KEY,
  DEFAULT_HUB_PORT,
  DEFAULT_OPERATOR_SSH_CONFIG,
  DEFAULT_SSHD_PORT,
  DEFAULT_TUNNEL_PORTS,
  embeddedHubUrl,
} from '../src/model/defaults';
import { portSchema } from '../src/model/port';
import type { PortAllocation, PortRange, PortRequest } from '../src/model/port-registry';
import { managedFileShape } from '../src/model/resources/managed-file';
import { ipv4Schema, workstationShape } from '../src/model/resources/workstation';
import { expandHome } from '../src/model/paths';
import { unspeakableInSshPath } from '../src/rendering/ssh-config';
import { tunnelKeyLine } from '../src/rendering/authorized-keys';
import { CapabilityRegistration } from './capability-registration';
import { ClientFiles } from './private/client-files';
import { fleetOf } from './private/fleet';
import { FleetConstruct, type Problem } from './private/fleet-construct';
import { ShapedResource } from './private/resource';
import { workstationPathSchema } from './private/schemas';
import type { ITunnelledVm, IWorkstation } from './private/workstation-interface';

export interface EmbeddedWorkstationProps {
  /**
   * Address of this machine on the network that bridged VMs are on; they dial it, and the private sshd listens there, too.
   * @default none: only VMs that reach out through their host, where it is 10.0.2.2, can dial in
   */
  readonly address?: string;
  /**
   * Port of the private sshd on 127.0.0.1.
   * @default 12220
   */
  readonly sshdPort?: number;
  /**
   * Ports that lead to the VMs, one each, both ends included.
   * @default { first: 12221, last: 12230 }
   */
  readonly tunnelPorts?: PortRange;
  /**
   * Port of the embedded State Hub on 127.0.0.1.
   * @default 8000
   */
  readonly hubPort?: number;
  /**
   * Days without a heartbeat after which the embedded State Hub forgets a machine.
   * @default 14
   */
  readonly hubExpiryDays?: number;
  /**
   * Files with the public keys that open the VMs. The first one, with its private key, is created if it is absent.
   * @default ['~/.ssh/id_build.pub']
   */
  readonly developers?: readonly string[];
  /**
   * The operator's own client configuration, which gets a marked block at its top.
   * @default '~/.ssh/config'
   */
  readonly sshConfig?: string;
}

const propsSchema = z.strictObject({
  address: ipv4Schema.optional().meta({ remedy: "give this machine's address on the VMs' network, 192.168.1.10" }),
  sshdPort: portSchema.default(DEFAULT_SSHD_PORT),
  tunnelPorts: z
    .strictObject({ first: portSchema, last: portSchema })
    .refine(({ first, last }) => first <= last, 'first must not be greater than last')
    .default(DEFAULT_TUNNEL_PORTS)
    .meta({
      remedy: `give two ports from 1024 to 65535, { first: ${DEFAULT_TUNNEL_PORTS.first}, last: ${DEFAULT_TUNNEL_PORTS.last} }`,
    }),
  hubPort: portSchema.default(DEFAULT_HUB_PORT),
  hubExpiryDays: z.number().int().min(1).optional().meta({ remedy: 'give a whole number of days' }),
  developers: z
    .array(workstationPathSchema.regex(/\.pub$/, 'must be a public key, a file that ends in .pub'))
    .min(1)
    .default([DEFAULT_DEVELOPER_KEY])
    .meta({ remedy: `list files with public keys, ${DEFAULT_DEVELOPER_KEY}` }),
  sshConfig: workstationPathSchema.default(DEFAULT_OPERATOR_SSH_CONFIG),
});

/** Where the tunnels end: the machine that deploys the fleet and that developers work on. */
export class Workstation extends FleetConstruct implements IWorkstation {
  /** A private sshd and an embedded State Hub, both of the fleet's own: no root is needed and nothing else is touched. */
  static embedded(scope: Construct, id: string, props: EmbeddedWorkstationProps = {}): Workstation {
    return new Workstation(scope, id, props);
  }

  readonly mode = 'embedded';
  readonly address: string | undefined;
  readonly sshdPort: number;
  readonly tunnelPorts: PortRange;
  readonly hubPort: number;
  readonly developerKey: string;
  readonly operatorSshConfig: string;
  readonly capability: CapabilityRegistration;
  readonly clientFiles: ClientFiles;
  private readonly resource: ShapedResource<typeof workstationShape>;
  private readonly tunnelKeys: ShapedResource<typeof managedFileShape>;
  private readonly declaredVms: ITunnelledVm[] = [];
  private allocated: PortAllocation | undefined;

  private constructor(scope: Construct, id: string, props: EmbeddedWorkstationProps) {
    super(scope, id);
    const checked = this.check(propsSchema, props);
    this.address = checked.address;
    this.sshdPort = checked.sshdPort;
    this.tunnelPorts = checked.tunnelPorts;
    this.hubPort = checked.hubPort;
    // of wrong props only the shape is wrong for certain; nothing is synthesized from them
    const developers = Array.isArray(checked.developers) ? checked.developers.map(String) : [];
    this.developerKey = (developers[0] ?? '').replace(/\.pub$/, '');
    this.operatorSshConfig = checked.sshConfig;

    this.resource = new ShapedResource(this, 'Resource', workstationShape, {
      attributes: () => ({
        address: this.address,
        sshdPort: this.sshdPort,
        hubPort: this.hubPort,
        hubExpiryDays: checked.hubExpiryDays,
        tunnelPorts: this.tunnelPorts,
        developers,
      }),
    });
    this.tunnelKeys = new ShapedResource(this, 'tunnel-keys', managedFileShape, {
      dependsOn: [this.resource],
      attributes: () => ({
        path: fleetOf(this).paths.tunnelAuthorizedKeys,
        mode: '0600',
        content: this.vms
          .map((vm) => tunnelKeyLine({ port: vm.tunnelPort, hubPort: this.hubPort, publicKey: vm.tunnelPublicKey }))
          .join(''),
      }),
    });
    this.capability = new CapabilityRegistration(this, 'capability', { workstation: this });
    this.clientFiles = new ClientFiles(this, 'client', { workstation: this });
    this.addCheck(() => (this.valid ? this.conflicts() : []));
  }

  get vms(): readonly ITunnelledVm[] {
    return this.declaredVms;
  }

  get defaultVm(): ITunnelledVm | undefined {
    return this.declaredVms.find((vm) => vm.isDefault) ?? this.declaredVms[0];
  }

  get hubUrl(): string {
    return embeddedHubUrl(this.hubPort);
  }

  get tunnelAccount(): string {
    return this.resource.ref('tunnelAccount');
  }

  get sshdHostPublicKey(): string {
    return this.resource.ref('sshdHostPublicKey');
  }

  get developerPublicKeys(): string[] {
    return this.resource.ref('developerPublicKeys');
  }

  get services(): readonly ShapedResource<typeof workstationShape>[] {
    return [this.resource];
  }

  get beforeVms(): readonly ShapedResource<typeof managedFileShape>[] {
    // the tunnel keys come after the services; each edge that says nothing new costs time in a plan of many VMs
    return [this.tunnelKeys, this.clientFiles.knownHosts];
  }

  get allocation(): PortAllocation {
    this.allocated ??= fleetOf(this).portLedger.allocate(this.portRequests(), this.tunnelPorts);
    return this.allocated;
  }

  addVm(vm: ITunnelledVm): void {
    if (this.allocated) throw new Error('ports have been allocated: declare every VM before synth');
    this.declaredVms.push(vm);
  }

  /** A second VM of the same name is reported as that, not as a port that is taken twice. */
  private portRequests(): readonly PortRequest[] {
    const names = this.vms.map(({ vmName }) => vmName);
    return this.vms
      .filter(({ vmName }, index) => names.indexOf(vmName) === index)
      .map(({ vmName, host, pinnedPort: pinned }) => ({ vmName, host: host.id, pinned }));
  }

  private conflicts(): Problem[] {
    const { first, last } = this.tunnelPorts;
    const problems: Problem[] = [];
    for (const [name, port] of Object.entries({ sshdPort: this.sshdPort, hubPort: this.hubPort })) {
      if (port >= first && port <= last) {
        problems.push({
          code: 'duplicate-port',
          problem: `${name} lies in tunnelPorts ${first}-${last}`,
          value: port,
          remedy: 'choose a port outside that range',
        });
      }
    }
    if (this.sshdPort === this.hubPort) {
      problems.push({
        code: 'duplicate-port',
        problem: 'sshdPort and hubPort are the same port',
        value: this.hubPort,
        remedy: 'choose two ports',
      });
    }
    const paths = [this.developerKey, fleetOf(this).paths.stateDirectory].map((path) => expandHome(path, homedir()));
    for (const path of paths) {
      // the private sshd is stricter about the paths of its own files
      const unspeakable = unspeakableInSshPath(path) ?? (path === paths[1] ? (/["\\]/.exec(path)?.[0] ?? null) : null);
      if (unspeakable === null) continue;
      problems.push({
        code: 'ssh-path',
        problem: `ssh or its server cannot be told a path with ${JSON.stringify(unspeakable)} in it`,
        value: path,
        remedy: 'choose another path, or another home directory if it is below that',
      });
    }
    return [...problems, ...this.conflictsWithOtherFleets(), ...this.secondOfItsFleet()];
  }

  /** Services of two fleets of one app would fight for the port, in turn at each deploy. */
  private conflictsWithOtherFleets(): Problem[] {
    const all = this.node.root.node.findAll().filter((one) => one instanceof Workstation);
    const earlier = all.slice(0, all.indexOf(this)).filter((other) => fleetOf(other) !== fleetOf(this));
    const taken = earlier.flatMap((other) => [
      { port: other.sshdPort, by: `sshdPort of ${other.node.path}` },
      { port: other.hubPort, by: `hubPort of ${other.node.path}` },
    ]);
    return Object.entries({ sshdPort: this.sshdPort, hubPort: this.hubPort }).flatMap(([name, port]) =>
      taken
        .filter((other) => other.port === port)
        .map(({ by }) => ({
          code: 'duplicate-port' as const,
          problem: `${name} is also ${by}`,
          value: port,
          remedy: 'give each fleet of the app ports of its own',
        })),
    );
  }

  private secondOfItsFleet(): Problem[] {
    const others = fleetOf(this)
      .node.findAll()
      .filter((other) => other instanceof Workstation);
    if (others[0] === this) return [];
    return [
      {
        code: 'second-workstation',
        problem: 'a fleet has one workstation',
        value: this.id,
        remedy: `use ${others[0]?.node.path ?? 'the first one'}, or declare another FleetStack`,
      },
    ];
  }
}

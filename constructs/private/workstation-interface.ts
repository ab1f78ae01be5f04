import type { IConstruct } from 'constructs';
import type { PortAllocation, PortRange } from '../../src/model/port-registry';
import type { IBuildImage } from '../haskell-build-image';
import type { IVmHost } from '../vm-host';
import type { ITerraformDependable } from './cdktf';

/** A VM as the workstation sees it: it dials in and accepts logins. */
export interface ITunnelledVm extends IConstruct {
  /** As in `main.ts`: `alpha`. */
  readonly id: string;
  /** VM name, host name and first Host alias: `haskell-build-alpha`. */
  readonly vmName: string;
  readonly valid: boolean;
  /** Said to be the fleet's default VM. */
  readonly isDefault: boolean;
  /** Port of the workstation that leads to the VM; known once everything has been declared. */
  readonly tunnelPort: number;
  /** The only port that will do. */
  readonly pinnedPort: number | undefined;
  readonly host: IVmHost;
  readonly image: IBuildImage;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly heartbeatSeconds: number;
  readonly mac: string;
  /** References, known at deploy. */
  readonly tunnelPublicKey: string;
  readonly hostPublicKey: string;
}

/** Where tunnels end. */
export interface IWorkstation extends IConstruct {
  readonly mode: 'embedded';
  /** Where bridged VMs find the sshd; undefined where none may be. */
  readonly address: string | undefined;
  readonly sshdPort: number;
  readonly tunnelPorts: PortRange;
  readonly hubPort: number;
  /** The State Hub as reached from the workstation. */
  readonly hubUrl: string;
  /** Private key that opens the VMs, a path. */
  readonly developerKey: string;
  /** The operator's own ssh configuration, a path. */
  readonly operatorSshConfig: string;
  /** References, known at deploy. */
  readonly tunnelAccount: string;
  readonly sshdHostPublicKey: string;
  readonly developerPublicKeys: string[];
  /** Resources that must exist before a client can reach the hub. */
  readonly services: readonly ITerraformDependable[];
  /** Resources that must exist before a VM dials in and until it is gone. */
  readonly beforeVms: readonly ITerraformDependable[];
  /** The type under which the VMs register. */
  readonly capability: ICapability;
  /** Files by which clients on the workstation reach the VMs. */
  readonly clientFiles: { readonly sshConfig: ITerraformDependable };
  /** In the order of their declaration. */
  readonly vms: readonly ITunnelledVm[];
  /** The VM that is meant when none is named. */
  readonly defaultVm: ITunnelledVm | undefined;
  /** Ports of all VMs; made when first asked for, after everything has been declared. */
  readonly allocation: PortAllocation;
  /** Called by a VM that dials in here. */
  addVm(vm: ITunnelledVm): void;
}

/** A type of entry in the State Hub. */
export interface ICapability {
  readonly domain: string;
  readonly capabilityType: string;
  readonly title: string;
  /** Id that the hub gave; a reference, known at deploy. */
  readonly entryId: string;
}

import type { Construct } from 'constructs';
import { FleetConstruct } from './private/fleet-construct';
import type { IWorkstation } from './private/workstation-interface';

export interface TunnelSlotProps {
  /** Where the port is; undefined where the VM's props name none, which the VM reports. */
  readonly workstation: IWorkstation | undefined;
  /** The VM that it leads to. */
  readonly vmName: string;
}

/** The port that a workstation has allocated to one VM. */
export class TunnelSlot extends FleetConstruct {
  readonly vmName: string;
  private readonly workstation: IWorkstation | undefined;

  constructor(scope: Construct, id: string, { workstation, vmName }: TunnelSlotProps) {
    super(scope, id);
    this.vmName = vmName;
    this.workstation = workstation;
    this.addCheck(() => workstation?.allocation.problems.filter((problem) => problem.vmName === vmName) ?? []);
  }

  /** Known once everything has been declared. */
  get port(): number {
    const port = this.workstation?.allocation.ports.get(this.vmName);
    if (port === undefined) throw new Error(`${this.node.path} has no port; its fleet is not valid`);
    return port;
  }
}

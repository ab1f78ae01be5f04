import type { Construct } from 'constructs';
import { FleetConstruct } from './private/fleet-construct';
import type { ITunnelSlot, IWorkstation } from './private/workstation-interface';

export interface TunnelSlotProps {
  /** Whose port it is. */
  readonly workstation: IWorkstation;
  /** The VM that it leads to. */
  readonly vmName: string;
  /** Id of the host that runs the VM. */
  readonly host: string;
  /** The only port that will do. @default the one that the port registry reserves for the VM, else the lowest free one */
  readonly port?: number | undefined;
}

/** One port of the registry. */
export class TunnelSlot extends FleetConstruct implements ITunnelSlot {
  readonly vmName: string;
  readonly host: string;
  readonly pinned: number | undefined;
  private readonly workstation: IWorkstation;

  constructor(scope: Construct, id: string, props: TunnelSlotProps) {
    super(scope, id);
    this.vmName = props.vmName;
    this.host = props.host;
    this.pinned = props.port;
    this.workstation = props.workstation;
    this.workstation.addSlot(this);
    this.addCheck(() => this.workstation.allocation.problems.filter((problem) => problem.vmName === this.vmName));
  }

  get port(): number {
    const port = this.workstation.allocation.ports.get(this.vmName);
    if (port === undefined) throw new Error(`${this.node.path} has no port; its fleet is not valid`);
    return port;
  }
}

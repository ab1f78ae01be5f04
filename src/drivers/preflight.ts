import type { Observation } from '../model/finding';
import type { UserNetwork } from '../model/hypervisor';
import type { Run } from '../process/run';

export type Access = 'usable' | 'denied' | 'missing' | 'read-only';

/** The workstation as a hypervisor's checks see it. Looking changes nothing. */
export interface PreflightMachine {
  readonly run: Run;
  readonly user: { readonly name: string; readonly uid: number };
  /** `6.12.9-amd64` */
  readonly kernel: string;
  /** Null when the file is not there or cannot be read. */
  read(path: string): string | null;
  /** Whether a file or device can be read and written. */
  access(path: string): Access;
}

export interface PreflightSubject {
  /** Whether a host of the fleet runs its VMs with this hypervisor, or an image that is missing is installed with it. */
  readonly isNeeded: boolean;
  /** Adapter that each host with bridged VMs names; null where it leaves the choice to the deploy. */
  readonly bridgeAdapters: readonly (string | null)[];
  /** Hosts of this hypervisor whose VMs are behind NAT, and what these reach of the workstation where that can be told. */
  readonly natHosts: readonly { readonly id: string; readonly userNetwork: UserNetwork }[];
  /** Holds facts that were found out about this machine. */
  readonly cacheDirectory: string;
}

/** Makes one check. No observation means that it does not concern this fleet or this machine. */
export type PreflightCheck = (
  machine: PreflightMachine,
  subject: PreflightSubject,
) => Observation[] | Promise<Observation[]>;

/**
 * Checks of a hypervisor by the name that `buildfleet doctor` reports them under, in the order of the report. They run
 * before anything is deployed, also where no host needs the hypervisor. The first says whether it is installed.
 */
export type Preflight = Readonly<Record<string, PreflightCheck>>;

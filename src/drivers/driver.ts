import type { NetworkKind, UserNetwork } from '../model/hypervisor';
import type { FleetPaths } from '../model/paths';
import type { Run } from '../process/run';
import type { HypervisorFeatures } from './features';

/** Options of every driver. */
export interface DriverOptions {
  readonly paths: FleetPaths;
  /** Holds facts that were found out about this machine. */
  readonly cacheDirectory: string;
  readonly run: Run;
}

/** Hardware and identity of one VM, as it shall be. */
export interface VmSpec {
  /** `haskell-build-alpha` */
  readonly name: string;
  /** Given at the VM's creation; every method that changes something checks it. */
  readonly uuid: string;
  /** Owner tag: only a VM that carries it is ever changed or deleted. */
  readonly fleet: string;
  /** What the VM's disk is made from, in the driver's `imageFormat`; read only. */
  readonly imagePath: string;
  readonly imageHash: string;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly mac: string;
  readonly network: NetworkKind;
  /** Host adapter of a bridged VM; null leaves the choice to the driver: the first that is up, wired before wireless. */
  readonly bridgeAdapter: string | null;
  /** What it reaches of its host from its next start on, where the hypervisor's network can be told. */
  readonly userNetwork: UserNetwork;
  /** Whether it may be resumed from a snapshot at its first start, where there is one. */
  readonly isWarm: boolean;
  /** Port of the host that its tunnel dials: an isolated VM reaches this one. */
  readonly relayPort: number;
}

/** What new VMs are started warm from. */
export interface WarmStart {
  isPrepared(subject: WarmStartSubject, signal: AbortSignal): Promise<boolean>;
  /** Makes it, unless it is there. Takes as long as a boot, and makes no VM. @throws FleetError `snapshot-failed` */
  prepare(subject: WarmStartSubject, signal: AbortSignal): Promise<'made' | 'present'>;
}

/** VMs that are the same when their image has booted and they have no identity yet. */
export type WarmStartSubject = Pick<VmSpec, 'imagePath' | 'imageHash' | 'cpus' | 'memoryMib'>;

export type PowerState = 'running' | 'stopped' | 'paused' | 'crashed';

/** State of a VM, read from the hypervisor rather than from the wanted one. */
export interface VmObservation {
  readonly name: string;
  readonly uuid: string;
  /** Null if the VM carries no owner tag. */
  readonly fleet: string | null;
  /** Null if the image that the disk lies on is another one by now, so that the VM cannot be started any more. */
  readonly imageHash: string | null;
  readonly imagePath: string;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly mac: string;
  /** `none`: no interface, one of another kind, its cable is out, or the host has no such adapter (any more). */
  readonly network: NetworkKind | 'none';
  readonly bridgeAdapter: string | null;
  readonly power: PowerState;
  /** The hypervisor's own words on the power state, for error messages: `qemu status io-error`. */
  readonly detail?: string | undefined;
  readonly seedAttached: boolean;
}

/** Images that the disk of a VM lies on, and cannot be read without. */
export interface DiskOrigin {
  /** `haskell-build-alpha of fleet`, or the directory of a VM that was never finished. */
  readonly vm: string;
  /** Paths of image files, and definition hashes. */
  readonly images: readonly string[];
}

/**
 * One hypervisor on one host. Every method is idempotent: called again after any interruption, also by kill -9, it
 * finishes the work. Methods MUST refuse, with a FleetError that names the owner, to change a VM whose fleet or uuid
 * differ from the given ones or that another driver made, and with `record-unreadable` to read or change one whose
 * record cannot be read: it may be any fleet's.
 */
export interface HypervisorDriver {
  readonly features: HypervisorFeatures;
  /** Answers null when there is no VM of that name. MUST NOT change anything. */
  inspect(name: string): Promise<VmObservation | null>;
  /** All VMs that the driver knows, foreign ones included. */
  list(): Promise<readonly VmObservation[]>;
  /** Makes disk and definition; the VM is off afterwards. Adopts an own half-made VM of the same uuid. */
  create(spec: VmSpec, signal: AbortSignal): Promise<void>;
  /** Changes hardware: of a VM that is off, or of a running one where the features say so. */
  update(spec: VmSpec, signal: AbortSignal): Promise<void>;
  /** Attaches a NoCloud seed (an ISO file that the driver takes over, 0600) for the next start. */
  attachSeed(spec: VmSpec, isoPath: string, signal: AbortSignal): Promise<void>;
  /** Detaches and deletes the seed, also while the VM runs. */
  removeSeed(spec: VmSpec, signal: AbortSignal): Promise<void>;
  /**
   * Starts a VM that is off, resumes a paused one, restarts a crashed one. Until {@link confirmBoot}, a guest that resets
   * is switched off, because that is what a panic at boot looks like.
   */
  start(spec: VmSpec, signal: AbortSignal): Promise<void>;
  /** Called when the guest is up: from now on it may reboot. */
  confirmBoot(spec: VmSpec, signal: AbortSignal): Promise<void>;
  /** Asks the guest to power off; after `graceSeconds` the power is cut. */
  stop(spec: VmSpec, graceSeconds: number, signal: AbortSignal): Promise<void>;
  /** Stops and deletes everything that belongs to the VM. Succeeds when it is gone already. */
  destroy(spec: Pick<VmSpec, 'name' | 'uuid' | 'fleet'>, signal: AbortSignal): Promise<void>;
  /** Undefined where the features say that there is no warm start. */
  readonly warmStart?: WarmStart;
  /** Where the guest's serial console is logged. */
  consoleLog(name: string): string;
  /**
   * Origins of all disks in the state directory, of VMs that no fleet describes included. None where VMs have copies of
   * their image: `buildfleet image gc` keeps the images named here.
   *
   * @throws FleetError for a disk whose origin cannot be found out, because its image must then not be removed
   */
  diskOrigins(signal: AbortSignal): Promise<readonly DiskOrigin[]>;
}

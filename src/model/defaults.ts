import type { UserNetwork } from './hypervisor';
import { Size } from './size';

// What a fleet has where `main.ts` does not say otherwise. Constructs, resource shapes, CLI and rendering import it from
// here; a test holds the files of other languages in `assets/` to it. Paths may begin with `~/`.

/** Stack name. */
export const DEFAULT_FLEET = 'fleet';

/** Port of the private sshd on 127.0.0.1. */
export const DEFAULT_SSHD_PORT = 12220;

/** Ports on the workstation that lead to the VMs, both ends included. */
export const DEFAULT_TUNNEL_PORTS = { first: 12221, last: 12230 } as const;

/** What QEMU VMs reach of the workstation. */
export const DEFAULT_USER_NETWORK: UserNetwork = 'isolated';

/** Port of the State Hub on 127.0.0.1. */
export const DEFAULT_HUB_PORT = 8000;

/** Port on a VM's own loopback at which its tunnel leads to the State Hub; no prop changes it. */
export const GUEST_HUB_PORT = 18000;

/** Public key that opens the VMs; its private half lies beside it. */
export const DEFAULT_DEVELOPER_KEY = '~/.ssh/id_build.pub';

/** The operator's own client configuration. */
export const DEFAULT_OPERATOR_SSH_CONFIG = '~/.ssh/config';

/** Images are shared by all fleets of an operator and outlive them. */
export const DEFAULT_CACHE_DIRECTORY = '~/.cache/buildfleet';

/** Holds the state directories of all fleets. */
export const STATE_HOME = '~/.local/state/buildfleet';

/** Database of a State Hub that belongs to no fleet. */
export const DEFAULT_HUB_DATABASE = `${STATE_HOME}/hub.sqlite`;

export const DEFAULT_VM_CPUS = 2;
export const DEFAULT_VM_MEMORY = Size.gibibytes(2);

/** Between two heartbeats of a VM. */
export const DEFAULT_HEARTBEAT_SECONDS = 30;

/** Without a heartbeat before the embedded State Hub deletes a machine's entry. */
export const DEFAULT_HUB_EXPIRY_DAYS = 14;

/** For a VM to dial in and register. */
export const DEFAULT_READY_TIMEOUT_SECONDS = 600;

/** For running builds to end before a VM is stopped. */
export const DEFAULT_DRAIN_TIMEOUT_SECONDS = 600;

/** URL of an embedded State Hub, as seen from the workstation. */
export function embeddedHubUrl(port: number): string {
  return `http://127.0.0.1:${port}`;
}

/** Most that `buildfleet fetch` brings where no limit is given. */
export const DEFAULT_FETCH_LIMIT_BYTES = 10 * 2 ** 30;

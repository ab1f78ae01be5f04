import { GUEST_USER } from '../model/names';

/** How ssh finds a VM. With `-F` ssh reads one configuration at most: neither the operator's own nor the system's. */
export interface SshTarget {
  /** Name of the VM, for messages. */
  readonly vm: string;
  /** Options that name the configuration, or stand in for one. */
  readonly options: readonly string[];
  /** The host argument of ssh. */
  readonly host: string;
}

/** A VM by the client configuration that a deploy writes. */
export function fleetTarget(sshConfig: string, vm: string): SshTarget {
  return { vm, options: ['-F', sshConfig], host: vm };
}

/** What a VM is reached with where there is no client configuration. */
export interface PinnedVm {
  readonly name: string;
  /** Port on the workstation that leads to the VM. */
  readonly port: number;
  /** File that pins the host key under the VM's name. */
  readonly knownHosts: string;
  /** Private keys that may open the VM. A probe of the host key needs none. */
  readonly keys: readonly string[];
}

/** A VM without a client configuration: the provider may write or remove that file in the same deploy. */
export function pinnedTarget({ name, port, knownHosts, keys }: PinnedVm): SshTarget {
  return {
    vm: name,
    options: [
      ...['-F', 'none', '-p', String(port), '-o', 'StrictHostKeyChecking=yes', '-o', `HostKeyAlias=${name}`],
      ...['-o', `UserKnownHostsFile=${sshPath(knownHosts)}`, '-o', 'GlobalKnownHostsFile=none'],
      ...['-o', 'HostKeyAlgorithms=ssh-ed25519', '-o', 'UpdateHostKeys=no', '-o', 'IdentitiesOnly=yes'],
      ...keys.flatMap((key) => ['-o', `IdentityFile=${sshPath(key)}`]),
    ],
    host: `${GUEST_USER}@127.0.0.1`,
  };
}

/** A path as the value of an option: ssh_config knows quotes, and % as the start of a token. */
function sshPath(path: string): string {
  return `"${path.replaceAll('%', '%%').replaceAll('"', '\\"')}"`;
}

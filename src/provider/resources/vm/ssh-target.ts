import { join } from 'node:path';
import { GUEST_USER } from '../../../model/names';

/** File with the host key that a VM proved to have when it became ready, in the directory of the VM. */
export function pinnedKeyFile(directory: string): string {
  return join(directory, 'known_hosts');
}

/**
 * Arguments for ssh that find a VM by what the provider itself keeps of it: the files that clients read may be written
 * or removed in the same deploy.
 */
export function sshTarget(name: string, port: number, directory: string): string[] {
  return [
    ...['-F', 'none', '-p', String(port), '-o', 'StrictHostKeyChecking=yes', '-o', `HostKeyAlias=${name}`],
    ...['-o', `UserKnownHostsFile=${sshPath(pinnedKeyFile(directory))}`, '-o', 'GlobalKnownHostsFile=none'],
    ...['-o', 'HostKeyAlgorithms=ssh-ed25519', '-o', 'UpdateHostKeys=no', `${GUEST_USER}@127.0.0.1`],
  ];
}

/** A path as the value of an option: ssh_config knows quotes, and % as the start of a token. */
export function sshPath(path: string): string {
  return `"${path.replaceAll('%', '%%').replaceAll('"', '\\"')}"`;
}

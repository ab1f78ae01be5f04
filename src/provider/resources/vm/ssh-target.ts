import { join } from 'node:path';
import { pinnedTarget, type SshTarget } from '../../../ssh/target';

/** File with the host key that a VM proved to have when it became ready, in the directory of the VM. */
export function pinnedKeyFile(directory: string): string {
  return join(directory, 'known_hosts');
}

/** A VM by what the provider itself keeps of it. */
export function vmTarget(name: string, port: number, directory: string, keys: readonly string[] = []): SshTarget {
  return pinnedTarget({ name, port, knownHosts: pinnedKeyFile(directory), keys });
}

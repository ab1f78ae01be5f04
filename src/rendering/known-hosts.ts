/** The host key of one VM. */
export interface KnownHost {
  /** HostKeyAlias of the VM. */
  readonly alias: string;
  /** OpenSSH public key, `ssh-ed25519 AAAA…`. */
  readonly publicKey: string;
}

/** A `known_hosts` file with one line a VM. */
export function renderKnownHosts(hosts: readonly KnownHost[]): string {
  return hosts.map(({ alias, publicKey }) => `${alias} ${publicKey}\n`).join('');
}

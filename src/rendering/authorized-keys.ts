/** What one VM's tunnel key may do. */
export interface TunnelKey {
  /** The VM's own port on the workstation. */
  readonly port: number;
  readonly hubPort: number;
  /** `ssh-ed25519 AAAA… comment`; may be a reference that Terraform resolves. */
  readonly publicKey: string;
}

/**
 * One line of the private sshd's authorized_keys. A VM's key opens its own port, reaches the hub, and nothing else;
 * what such a line cannot forbid (unix sockets) the sshd's configuration does.
 *
 * @throws Error when the key does not fit on one line
 */
export function tunnelKeyLine({ port, hubPort, publicKey }: TunnelKey): string {
  if (/[\r\n]/.test(publicKey)) throw new Error('a public key is one line');
  const options = [
    'restrict',
    'port-forwarding',
    `permitlisten="localhost:${port}"`,
    `permitopen="localhost:${hubPort}"`,
    'command="/bin/false"',
  ];
  return `${options.join(',')} ${publicKey}\n`;
}

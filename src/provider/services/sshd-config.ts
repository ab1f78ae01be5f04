import { FleetError } from '../../model/errors';

/** Everything in which one private sshd differs from another. Paths are absolute. */
export interface SshdConfig {
  /** Address besides 127.0.0.1 that it listens on, where VMs are machines of their own on the network. */
  readonly address: string | null;
  readonly port: number;
  readonly hostKey: string;
  readonly authorizedKeys: string;
  readonly pidFile: string;
  /** The only account that may log in. */
  readonly operator: string;
  readonly operatorIsRoot: boolean;
  /** Only for a locked root account, which sshd refuses unless PAM decides. */
  readonly usePam: boolean;
  /** Off only where a directory above the keys is sticky and writable for all, which sshd would refuse. */
  readonly strictModes: boolean;
  /** Whether this sshd (9.8 or newer) slows down addresses that fail; all VMs come from 127.0.0.1. */
  readonly hasPerSourcePenalties: boolean;
  /** Ports that VMs may listen on, both ends included. */
  readonly tunnelPorts: { readonly first: number; readonly last: number };
  readonly hubPort: number;
}

/**
 * Configuration of the sshd that tunnels end at. It forwards single ports for keys that name them; sessions, other
 * forwards, unix sockets, agents, X11 and tun devices are off for every key; authorized_keys cannot allow them.
 *
 * @throws FleetError when a path or the account cannot be written in sshd's syntax
 */
export function renderSshdConfig(config: SshdConfig): string {
  const { first, last } = config.tunnelPorts;
  const ports = Array.from({ length: last - first + 1 }, (_, index) => `localhost:${first + index}`);
  const lines: readonly (readonly [string, string])[] = [
    // IPv4 only: `localhost` then has one meaning, for what is listened on and for what is forwarded to
    ['AddressFamily', 'inet'],
    ['ListenAddress', `127.0.0.1:${config.port}`],
    ...(config.address === null ? [] : ([['ListenAddress', `${config.address}:${config.port}`]] as const)),
    ['HostKey', quoted(config.hostKey)],
    ['PidFile', quoted(config.pidFile)],
    ['LogLevel', 'VERBOSE'],
    ['AllowUsers', account(config.operator)],
    ['PermitRootLogin', config.operatorIsRoot ? 'prohibit-password' : 'no'],
    ['AuthenticationMethods', 'publickey'],
    ['PubkeyAuthentication', 'yes'],
    ['AuthorizedKeysFile', quoted(config.authorizedKeys.replaceAll('%', '%%'))],
    ['AuthorizedKeysCommand', 'none'],
    ['TrustedUserCAKeys', 'none'],
    ['StrictModes', yesNo(config.strictModes)],
    ['PasswordAuthentication', 'no'],
    ['KbdInteractiveAuthentication', 'no'],
    ['HostbasedAuthentication', 'no'],
    ['UsePAM', yesNo(config.usePam)],
    ['UseDNS', 'no'],
    ['MaxSessions', '0'],
    ['ForceCommand', '/bin/false'],
    ['PermitTTY', 'no'],
    ['PermitUserRC', 'no'],
    ['PermitUserEnvironment', 'no'],
    ['X11Forwarding', 'no'],
    ['AllowAgentForwarding', 'no'],
    ['AllowStreamLocalForwarding', 'no'],
    ['PermitTunnel', 'no'],
    ['GatewayPorts', 'no'],
    ['AllowTcpForwarding', 'yes'],
    ['PermitListen', ports.join(' ')],
    ['PermitOpen', `localhost:${config.hubPort}`],
    // a dead session holds its VM's port until it is noticed: OpenSSH 9.2 took up to 45 s with 5 x 2, ten with 2 x 2
    ['ClientAliveInterval', '2'],
    ['ClientAliveCountMax', '2'],
    ['LoginGraceTime', '15'],
    // All VMs of a fleet may dial at once. Those behind NAT come from one address, so that a limit for each address cannot
    // tell them apart: what one VM opens without its key stays below both limits for a long time, and is gone after the
    // grace. The first limit lies above that of an address, which leaves room for those that have their own.
    ['MaxStartups', '450:30:600'],
    ['PerSourceMaxStartups', '400'],
    ...(config.hasPerSourcePenalties ? ([['PerSourcePenalties', 'no']] as const) : []),
  ];
  return lines.map(([keyword, value]) => `${keyword} ${value}\n`).join('');
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}

function quoted(path: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  if (/["\\\u0000-\u001f\u007f]/.test(path)) {
    throw new FleetError({
      code: 'sshd-path',
      problem: 'sshd cannot be told this path',
      value: path,
      remedy: 'choose a state directory without quotes, backslashes and control characters',
    });
  }
  return `"${path}"`;
}

/**
 * AllowUsers takes patterns, so that a name with a wildcard would allow others. What stands behind an `@` it takes for a
 * host; a character for the `@` of a directory's account lets no other in, because the sshd runs as that account.
 */
function account(name: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*(@[A-Za-z0-9_.-]+|\$)?$/.test(name)) {
    throw new FleetError({
      code: 'sshd-account',
      problem: 'sshd cannot be told to allow this account and no other',
      value: name,
      remedy: 'deploy as a user whose name has only letters, digits, dots, hyphens, underscores and one @',
    });
  }
  return name.replace('@', '?');
}

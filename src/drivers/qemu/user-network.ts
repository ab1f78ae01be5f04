import { type ReadText, readText } from '../../files/record';
import type { WorkstationNetwork } from './workstation-network';

/** Parameters of the network of one VM. */
export interface IsolatedNetwork extends WorkstationNetwork {
  /** Port of the workstation's loopback that the VM may reach. */
  readonly relayPort: number;
  /** Absolute path of a file with the content {@link RESOLV_CONF}; used where the workstation has its own resolver. */
  readonly resolvConf: string;
  /** Whether this process is root: pasta would otherwise give that up for an account that cannot read the disk. */
  readonly isRoot: boolean;
}

/** Interface of the namespace that leads to pasta. It goes when pasta ends. */
const UPLINK = 'uplink';

/** From the block of RFC 7335, which no network outside of a machine uses, and a unique local prefix. */
const IPV4 = { own: '192.0.0.2', gateway: '192.0.0.1', resolver: '192.0.0.3' } as const;
const IPV6 = { own: 'fd62:7569:6c64::2', gateway: 'fd62:7569:6c64::1' } as const;

/** QEMU asks the first name server of /etc/resolv.conf. */
export const RESOLV_CONF = `nameserver ${IPV4.resolver}\n`;

/** Services find each other by multicast, and pasta would send it from the workstation, which hears itself. */
const NEVER_REACHED = ['224.0.0.0/4', 'fe80::/64'] as const;

/**
 * Runs in the namespace as its root, with the file for /etc/resolv.conf or nothing, unreachable networks, `--` and a
 * command, which it becomes without any capability. A rule holds for sockets that are bound to the uplink, too; the route
 * is for kernels without rules, its metric below that of routes that the kernel makes.
 */
const ENTER = [
  'set -e',
  '[ -z "$1" ] || mount --bind "$1" /etc/resolv.conf',
  'shift',
  'while [ "$1" != -- ]',
  'do case $1 in *:*) family=-6 ;; *) family=-4 ;; esac',
  'ip $family rule add to "$1" unreachable 2>/dev/null || ip route add unreachable "$1" metric 1',
  'shift',
  'done',
  'shift',
  'exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs -- "$@"',
].join('; ');

/**
 * Argument vector that runs a command in a network namespace of its own. pasta connects it: to the relay by the
 * namespace's own loopback, to what is outside of the workstation by default routes, and to nothing else of the
 * workstation. pasta ends when the command does, and has its exit code.
 */
export function inIsolatedNetwork(network: IsolatedNetwork, command: readonly string[]): string[] {
  const { relayPort, own, hasOwnResolver, resolvConf, isRoot } = network;
  const hasIpv6 = network.interface !== 'lo';
  return [
    ...(isRoot ? ['unshare', '--user', '--map-root-user'] : []),
    ...['pasta', '--quiet', '--foreground', '--config-net', '--no-map-gw'],
    ...(isRoot ? ['--netns-only', '--runas', '0'] : []),
    // All of it is given, so that pasta starts without any network, and follows the workstation to another one.
    ...['--interface', network.interface, '--mac-addr', '02:62:66:00:00:01', '--ns-ifname', UPLINK],
    ...['--address', IPV4.own, '--netmask', '29', '--gateway', IPV4.gateway],
    ...(hasIpv6 ? ['--address', IPV6.own, '--gateway', IPV6.gateway] : ['--ipv4-only']),
    ...['--tcp-ports', 'none', '--udp-ports', 'none', '--udp-ns', 'none', '--tcp-ns', String(relayPort)],
    ...(hasOwnResolver ? ['--dns-forward', IPV4.resolver, '--', 'unshare', '--mount'] : ['--']),
    ...['sh', '-c', ENTER, 'sh', hasOwnResolver ? resolvConf : ''],
    ...[...NEVER_REACHED, ...own].filter((address) => hasIpv6 || !address.includes(':')),
    ...['--', ...command],
  ];
}

/** Whether a process has come no further than one of the programs that make the namespace, or is pasta. */
export function isMakingNamespace(argv: readonly string[]): boolean {
  return argv.includes(ENTER);
}

/** Whether the namespace of a process is connected; undefined when it cannot be read. */
export function isConnected(pid: number, read: ReadText = readText): boolean | undefined {
  try {
    return new RegExp(`^ *${UPLINK}:`, 'm').test(read(`/proc/${pid}/net/dev`));
  } catch {
    return undefined;
  }
}

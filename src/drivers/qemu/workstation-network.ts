import { existsSync } from 'node:fs';
import { BlockList, isIPv4 } from 'node:net';
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import { type ReadText, readText } from '../../files/record';

/** What the namespace of a VM has to know of the workstation's network when the VM starts. */
export interface WorkstationNetwork {
  /** Own addresses, and the networks of its bridges, as `ip route` takes them: `192.168.1.10`, `172.17.0.0/16`. */
  readonly own: readonly string[];
  /** Interface that pasta learns of IPv6 from: one with a default route for it, else `lo`, which has none. */
  readonly interface: string;
  /** Whether names are looked up at a server of the workstation itself, as with systemd-resolved. */
  readonly hasOwnResolver: boolean;
}

/** Looks at the workstation's network. */
export function workstationNetwork(
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
  read: ReadText = readText,
  isBridge = (name: string) => existsSync(`/sys/class/net/${name}/bridge`),
): WorkstationNetwork {
  const text = (path: string) => {
    try {
      return read(path);
    } catch {
      return '';
    }
  };
  const ipv4Routes = new Set(defaultRoutes(text('/proc/net/route'), 0, 1, 7));
  const addresses = Object.entries(interfaces).flatMap(([name, infos = []]) => infos.map((info) => ({ name, info })));
  const own = addresses
    .filter(({ info }) => !info.internal && !info.address.startsWith('fe80:'))
    .map(({ name, info }) => unreachable(info, isBridge(name) && !ipv4Routes.has(name)));
  const resolver = /^[ \t]*nameserver[ \t]+([\d.]+)[ \t]*$/m.exec(text('/etc/resolv.conf'))?.[1];
  return {
    own: [...new Set(own)].sort(),
    interface: defaultRoutes(text('/proc/net/ipv6_route'), 9, 0, 1).find((name) => name !== 'lo') ?? 'lo',
    hasOwnResolver: resolver !== undefined && isIPv4(resolver) && isOwn(resolver, own),
  };
}

/** Interfaces of default routes in a table of /proc/net: the columns of interface, destination and mask or length. */
function defaultRoutes(table: string, device: number, destination: number, mask: number): string[] {
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((row) => /^0+$/.test(row[destination] ?? '') && /^0+$/.test(row[mask] ?? ''))
    .map((row) => row[device] ?? '')
    .filter((name) => name !== '');
}

/**
 * IPv6 addresses come and go in their network (RFC 8981), so all of it counts as own. Of an IPv4 network the VM may need
 * the others, a mirror for instance, unless they are on a bridge, as containers and other VMs are.
 */
function unreachable({ address, cidr }: NetworkInterfaceInfo, isInside: boolean): string {
  const length = Number(cidr?.split('/')[1]);
  if (!isIPv4(address)) return Number.isNaN(length) ? address : `${address}/${Math.max(length, 64)}`;
  if (!isInside || Number.isNaN(length)) return address;
  const bits = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const size = 2 ** (32 - length);
  const network = Math.floor(bits / size) * size;
  return `${[24, 16, 8, 0].map((shift) => Math.floor(network / 2 ** shift) % 256).join('.')}/${length}`;
}

function isOwn(resolver: string, own: readonly string[]): boolean {
  const list = new BlockList();
  list.addSubnet('127.0.0.0', 8);
  for (const network of own.filter((entry) => !entry.includes(':'))) {
    const [address = '', length = '32'] = network.split('/');
    list.addSubnet(address, Number(length));
  }
  return list.check(resolver);
}

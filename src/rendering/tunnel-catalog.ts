import { stringify } from 'yaml';
import { shellWord } from './shell-word';

/** A VM's tunnel as the catalog of tunnels describes it. */
export interface CatalogTunnel {
  /** VM name and Host alias. */
  readonly vmName: string;
  readonly tunnelPort: number;
  /** Client configuration that pins the VM's host key. */
  readonly sshConfig: string;
}

/** Where the entry of a VM lies in the stack's output. */
export function catalogFile(vmName: string): string {
  return `ops-bridge/tunnels/${vmName}.yml`;
}

/** One file of the tunnel catalog: port `remote_port` of the workstation leads to `target_host:local_port` as seen from the VM. */
export function renderTunnelCatalogEntry(tunnel: CatalogTunnel): string {
  return stringify(
    {
      name: tunnel.vmName,
      direction: 'reverse',
      remote_port: tunnel.tunnelPort,
      local_port: 22,
      target_host: 'localhost',
      check_cmd: `ssh -F ${pathWord(tunnel.sshConfig)} -o BatchMode=yes -o ConnectTimeout=5 ${tunnel.vmName} true`,
      // the VM's own build-tunnel.service keeps it up
      auto_restart: false,
    },
    { lineWidth: 0 },
  );
}

/** A quoted ~ would not be expanded. */
function pathWord(path: string): string {
  return path.startsWith('~/') ? `~/${shellWord(path.slice(2))}` : shellWord(path);
}

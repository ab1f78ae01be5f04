import { posix } from 'node:path';
import { STATE_HOME } from './defaults';
import type { ImageFormat } from './hypervisor';

/** Where a fleet lives on the workstation unless a prop says otherwise; `~` is the operator's home. */
export function defaultStateDirectory(fleet: string): string {
  return `${STATE_HOME}/${fleet}`;
}

/** Where the image of a definition lies in a cache directory, in one format. */
export function imageFile(cacheDirectory: string, definitionHash: string, format: ImageFormat): string {
  return posix.join(cacheDirectory, 'images', definitionHash, `disk.${format}`);
}

/** Replaces a leading `~/` by the given home directory; other paths stay as they are. */
export function expandHome(path: string, home: string): string {
  return path === '~' ? home : path.startsWith('~/') ? posix.join(home, path.slice(2)) : path;
}

/** All paths in a fleet's state directory, shared by provider, CLI and rendered files. */
export class FleetPaths {
  /** @param stateDirectory absolute, or with a leading `~/` where the text is rendered rather than opened */
  constructor(readonly stateDirectory: string) {}

  get fleetFile(): string {
    return this.in('fleet.json');
  }
  get sshConfig(): string {
    return this.in('ssh-config');
  }
  /** Pinned host keys of the VMs, one line a VM, by HostKeyAlias. */
  get knownHosts(): string {
    return this.in('known_hosts');
  }
  get portRegistry(): string {
    return this.in('port-registry.yml');
  }
  get stateHubRefs(): string {
    return this.in('state-hub-refs.yml');
  }
  get tunnelCatalog(): string {
    return this.in('ops-bridge/tunnels');
  }

  /** The private sshd and the embedded hub. */
  get services(): string {
    return this.in('workstation');
  }
  get tunnelAuthorizedKeys(): string {
    return this.in('workstation/authorized_keys');
  }

  get identities(): string {
    return this.in('identities');
  }
  /** What each deploy did, one file a run. */
  get journal(): string {
    return this.in('journal');
  }
  get vms(): string {
    return this.in('vms');
  }

  /** Key pairs of one VM, never part of Terraform state. */
  identity(vm: string): { readonly directory: string; readonly tunnelKey: string; readonly hostKey: string } {
    const directory = posix.join(this.identities, vm);
    return {
      directory,
      tunnelKey: posix.join(directory, 'tunnel_ed25519'),
      hostKey: posix.join(directory, 'host_ed25519'),
    };
  }

  /** Disk, seed, console log and control socket of one VM. */
  vm(vm: string): string {
    return posix.join(this.vms, vm);
  }

  private in(...parts: string[]): string {
    return posix.join(this.stateDirectory, ...parts);
  }
}

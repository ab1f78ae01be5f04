import { basename } from 'node:path';
import { Construct } from 'constructs';
import { hostAliases } from '../../src/model/names';
import { managedFileShape } from '../../src/model/resources/managed-file';
import { managedFilesShape } from '../../src/model/resources/managed-files';
import { renderFleetFile } from '../../src/rendering/fleet-file';
import { renderKnownHosts } from '../../src/rendering/known-hosts';
import { renderMakefile } from '../../src/rendering/makefile';
import { renderPortRegistry } from '../../src/rendering/port-registry';
import { renderSmokeScript } from '../../src/rendering/smoke-script';
import { renderSshConfig, renderSshInclude, sshIncludeBlock } from '../../src/rendering/ssh-config';
import { renderStateHubRefs } from '../../src/rendering/state-hub-refs';
import { catalogFile } from '../../src/rendering/tunnel-catalog';
import { fleetOf } from './fleet';
import { type IRendersFiles, type RenderedFile, contentOf } from './rendered-file';
import { ShapedResource } from './resource';
import type { IWorkstation } from './workstation-interface';

type ManagedFile = ShapedResource<typeof managedFileShape>;

/** Files by which clients on the workstation reach the VMs, of the deployed fleet and of the synthesized stack. */
export class ClientFiles extends Construct implements IRendersFiles {
  /** Pinned host keys; they must exist before a deploy waits for a VM. */
  readonly knownHosts: ManagedFile;
  /** ssh's configuration for the VMs; it must exist before a client logs in to one. */
  readonly sshConfig: ManagedFile;
  private readonly workstation: IWorkstation;

  constructor(scope: Construct, id: string, { workstation }: { readonly workstation: IWorkstation }) {
    super(scope, id);
    this.workstation = workstation;
    const { paths } = fleetOf(this);
    const file = (name: string, path: string, content: () => string, expandHome?: true): ManagedFile =>
      new ShapedResource(this, name, managedFileShape, {
        attributes: () => ({ path, content: content(), expandHome }),
      });

    this.knownHosts = file('known-hosts', paths.knownHosts, () =>
      renderKnownHosts(this.workstation.vms.map((vm) => ({ alias: vm.vmName, publicKey: vm.hostPublicKey }))),
    );
    this.sshConfig = file('ssh-config', paths.sshConfig, () => contentOf('ssh-config'), true);
    new ShapedResource(this, 'ssh-include', managedFileShape, {
      attributes: () => ({
        path: this.workstation.operatorSshConfig,
        block: sshIncludeBlock(fleetOf(this).fleetName),
        content: renderSshInclude(paths.sshConfig),
        expandHome: true,
      }),
    });
    new ShapedResource(this, 'tunnel-catalog', managedFilesShape, {
      attributes: () => ({
        directory: paths.tunnelCatalog,
        files: Object.fromEntries(
          this.workstation.vms.map(({ vmName }) => [basename(catalogFile(vmName)), contentOf(catalogFile(vmName))]),
        ),
        expandHome: true,
      }),
    });
    file('fleet-file', paths.fleetFile, () => contentOf('fleet.json'));
    file('port-registry', paths.portRegistry, () => contentOf('port-registry.yml'));
    file('state-hub-refs', paths.stateHubRefs, () => this.stateHubRefs(this.workstation.capability.entryId));
  }

  renderFiles(): readonly RenderedFile[] {
    return [
      { path: 'Makefile', content: renderMakefile() },
      { path: 'smoke-test.sh', content: renderSmokeScript(), executable: true },
      { path: 'fleet.json', content: this.fleetFile() },
      { path: 'port-registry.yml', content: this.portRegistry() },
      { path: 'ssh-config', content: this.renderedSshConfig() },
      { path: 'state-hub-refs.yml', content: this.stateHubRefs(null) },
    ];
  }

  private renderedSshConfig(): string {
    return renderSshConfig({
      vms: this.workstation.vms.map((vm) => ({
        aliases: [vm.vmName, ...hostAliases(vm.id, vm === this.workstation.defaultVm).slice(1)],
        tunnelPort: vm.tunnelPort,
      })),
      identityFile: this.workstation.developerKey,
      knownHostsFile: fleetOf(this).paths.knownHosts,
    });
  }

  private portRegistry(): string {
    return renderPortRegistry(fleetOf(this).portLedger.registryOf(this.workstation.allocation));
  }

  private stateHubRefs(id: string | null): string {
    const { domain, capabilityType, title } = this.workstation.capability;
    return renderStateHubRefs({ url: this.workstation.hubUrl, capabilities: [{ domain, capabilityType, title, id }] });
  }

  private fleetFile(): string {
    const { fleetName, paths, cacheDirectory } = fleetOf(this);
    const { workstation } = this;
    const hosts = new Map(workstation.vms.map(({ host }) => [host.id, host]));
    const images = new Map(workstation.vms.map(({ image }) => [image.id, image]));
    return renderFleetFile({
      formatVersion: 1,
      fleet: fleetName,
      stateDirectory: paths.stateDirectory,
      cacheDirectory,
      workstation: {
        mode: workstation.mode,
        sshdPort: workstation.sshdPort,
        tunnelPorts: workstation.tunnelPorts,
        sshConfig: paths.sshConfig,
        operatorSshConfig: workstation.operatorSshConfig,
        developerKey: workstation.developerKey,
      },
      hub: {
        url: workstation.hubUrl,
        domain: workstation.capability.domain,
        capabilityType: workstation.capability.capabilityType,
      },
      hosts: [...hosts.values()].map(({ id, hypervisor, connection, network, bridgeAdapter = null, userNetwork }) => ({
        ...{ id, hypervisor, connection, network, bridgeAdapter },
        ...(userNetwork === undefined ? {} : { userNetwork }),
      })),
      images: [...images.values()].map((image) => ({
        id: image.id,
        definitionHash: image.definitionHash,
        builder: image.builder,
        buildHypervisor: image.buildHypervisor,
        ghcVersions: [...image.ghcVersions],
        cabalVersion: image.cabalVersion,
      })),
      vms: workstation.vms.map((vm) => ({
        id: vm.id,
        name: vm.vmName,
        aliases: hostAliases(vm.id, vm === workstation.defaultVm).slice(1),
        default: vm === workstation.defaultVm,
        host: vm.host.id,
        image: vm.image.id,
        tunnelPort: vm.tunnelPort,
        cpus: vm.cpus,
        memoryMib: vm.memoryMib,
        heartbeatSeconds: vm.heartbeatSeconds,
      })),
    });
  }
}

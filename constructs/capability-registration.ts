import type { Construct } from 'constructs';
import { capabilityShape } from '../model/resources/capability';
import { FleetConstruct } from './fleet-construct';
import { ShapedResource } from './resource';
import type { ICapability, IWorkstation } from './workstation-interface';

export interface CapabilityRegistrationProps {
  /** Whose State Hub gets the entry. */
  readonly workstation: IWorkstation;
}

/** The State Hub's entry for the capability type; the VMs register under its domain and type and keep their own entries. */
export class CapabilityRegistration extends FleetConstruct implements ICapability {
  readonly domain = 'railiance';
  readonly capabilityType = 'haskell-build-agent';
  readonly title = 'Haskell Build Agent';
  private readonly resource: ShapedResource<typeof capabilityShape>;

  constructor(scope: Construct, id: string, { workstation }: CapabilityRegistrationProps) {
    super(scope, id);
    this.resource = new ShapedResource(this, 'Resource', capabilityShape, {
      dependsOn: workstation.services,
      attributes: () => ({
        hubUrl: workstation.hubUrl,
        domain: this.domain,
        capabilityType: this.capabilityType,
        title: this.title,
        description: 'Virtual machines that compile Haskell, each reached through its own reverse SSH tunnel.',
        keywords: ['haskell', 'ghc', 'cabal', 'build-agent', 'virtualbox', 'qemu', 'sandbox', 'type-definition'],
      }),
    });
  }

  get entryId(): string {
    return this.resource.ref('id');
  }
}

import type { Construct } from 'constructs';
import { typeEntry } from '../src/model/capability';
import { capabilityShape } from '../src/model/resources/capability';
import { FleetConstruct } from './private/fleet-construct';
import { ShapedResource } from './private/resource';
import type { ICapability, IWorkstation } from './private/workstation-interface';

export interface CapabilityRegistrationProps {
  /** Workstation with the State Hub that gets the entry. */
  readonly workstation: IWorkstation;
}

/** The State Hub's entry for the capability type; the VMs register under its domain and type and keep their own entries. */
export class CapabilityRegistration extends FleetConstruct implements ICapability {
  readonly domain: string;
  readonly capabilityType: string;
  readonly title: string;
  private readonly resource: ShapedResource<typeof capabilityShape>;

  constructor(scope: Construct, id: string, { workstation }: CapabilityRegistrationProps) {
    super(scope, id);
    const { domain, capability_type: capabilityType, title, description, keywords } = typeEntry();
    this.domain = domain;
    this.capabilityType = capabilityType;
    this.title = title;
    this.resource = new ShapedResource(this, 'Resource', capabilityShape, {
      dependsOn: workstation.services,
      attributes: () => ({
        hubUrl: workstation.hubUrl,
        ...{ domain, capabilityType, title, description, keywords },
      }),
    });
  }

  get entryId(): string {
    return this.resource.ref('id');
  }
}

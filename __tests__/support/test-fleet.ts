import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HaskellBuildImage } from '../../constructs/haskell-build-image';
import { VmHost } from '../../constructs/vm-host';
import { type EmbeddedWorkstationProps, Workstation } from '../../constructs/workstation';
import { Size } from '../../src/model/size';
import { FleetApp } from '../../stacks/fleet-app';
import { FleetStack, type FleetStackProps } from '../../stacks/fleet-stack';
import { temporaryDirectory } from './temporary-directory';

export interface TestFleetOptions {
  readonly workstation?: EmbeddedWorkstationProps;
  readonly stack?: FleetStackProps;
  readonly capacity?: { readonly cpus: number; readonly memory: Size };
  readonly ci?: boolean;
  /** Directory of an earlier fleet, to synthesize over it. */
  readonly directory?: string;
  /** @default `cdktf.out` in the directory */
  readonly outdir?: string;
}

/** A fleet without VMs, in a project directory of its own. */
export class TestFleet {
  readonly directory: string;
  readonly app: FleetApp;
  readonly stack: FleetStack;
  readonly workstation: Workstation;
  readonly host: VmHost;
  readonly image: HaskellBuildImage;

  constructor(options: TestFleetOptions = {}) {
    this.directory = options.directory ?? temporaryDirectory();
    this.app = new FleetApp(this.directory, {
      ci: options.ci ?? false,
      outdir: options.outdir ?? join(this.directory, 'cdktf.out'),
    });
    this.stack = new FleetStack(this.app, 'fleet', options.stack);
    this.workstation = Workstation.embedded(this.stack, 'workstation', options.workstation);
    this.host = VmHost.local(this.stack, 'local', {
      capacity: options.capacity ?? { cpus: 64, memory: Size.gibibytes(64) },
    });
    this.image = HaskellBuildImage.debian(this.stack, 'haskell');
  }

  /** Props that every VM of the fleet shares. */
  get standard(): { workstation: Workstation; host: VmHost; image: HaskellBuildImage } {
    return { workstation: this.workstation, host: this.host, image: this.image };
  }

  /** Synthesizes and returns the plan's input. */
  plan(): Plan {
    this.app.render();
    return JSON.parse(this.rendered('cdk.tf.json')) as Plan;
  }

  /** Text of a file below `rendered/fleet/`. */
  rendered(path: string): string {
    return readFileSync(join(this.directory, 'rendered/fleet', path), 'utf8');
  }

  registry(): string {
    return readFileSync(join(this.directory, 'port-registry.yml'), 'utf8');
  }
}

export interface Plan {
  readonly terraform: Record<string, Record<string, Record<string, string>>>;
  readonly provider: Record<string, readonly Record<string, string>[]>;
  readonly resource: Record<string, Record<string, PlannedResource>>;
  readonly moved?: readonly { readonly from: string; readonly to: string }[];
}

/** A resource in the plan's input, in Terraform's spelling. */
export interface PlannedResource {
  readonly content: string;
  readonly depends_on: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  readonly provisioner: readonly unknown[];
  readonly triggers: Readonly<Record<string, string>>;
  readonly tunnel_port: number;
}

/** The resource at an address, `buildfleet_vm.alpha`. */
export function planned(plan: Plan, address: string): PlannedResource {
  const [type, name] = address.split('.') as [string, string];
  const resource = plan.resource[type]?.[name];
  if (resource === undefined) throw new Error(`the plan has no ${address}`);
  return resource;
}

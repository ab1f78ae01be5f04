import {
  Aspects,
  LocalBackend,
  TerraformDataSource,
  type TerraformElement,
  type TerraformProvider,
  TerraformResource,
  TerraformStack,
} from 'cdktf';
import { NullProvider } from '@cdktf/provider-null/lib/provider';
import type { IConstruct } from 'constructs';
import { z } from 'zod';
import { type IFleet, markFleet } from '../constructs/private/fleet';
import type { PortLedger } from '../constructs/private/port-ledger';
import { BuildfleetProvider } from '../constructs/private/provider';
import { workstationPathSchema } from '../constructs/private/schemas';
import { DEFAULT_CACHE_DIRECTORY } from '../src/model/defaults';
import { FleetError } from '../src/model/errors';
import { NAME_PATTERN } from '../src/model/names';
import { FleetPaths, defaultStateDirectory } from '../src/model/paths';
import type { IFleetProject } from './fleet-project';

export interface FleetStackProps {
  /** Keys, disks and services of this fleet on the workstation. @default `~/.local/state/buildfleet/NAME` */
  readonly stateDirectory?: string;
  /** Images, shared by all fleets of an operator. @default `~/.cache/buildfleet` */
  readonly cacheDirectory?: string;
  /** Where `null_resource` comes from: our own process, or the registry, which needs the network. @default 'bundled' */
  readonly nullProvider?: 'bundled' | 'registry';
}

const propsSchema = z.strictObject({
  stateDirectory: workstationPathSchema.optional(),
  cacheDirectory: workstationPathSchema.optional(),
  nullProvider: z.enum(['bundled', 'registry']).optional(),
});

/** One fleet: a Terraform stack with our provider in it and its state beside `main.ts`. */
export class FleetStack extends TerraformStack implements IFleet {
  readonly fleetName: string;
  readonly projectDirectory: string;
  readonly paths: FleetPaths;
  readonly cacheDirectory: string;
  readonly portLedger: PortLedger;

  constructor(scope: IFleetProject, name: string, props: FleetStackProps = {}) {
    super(scope, NAME_PATTERN.test(name) && !scope.node.tryFindChild(name) ? name : scope.freeStackId());
    markFleet(this);
    const problems = checkStack(name, this.node.id, props);
    this.node.addValidation({ validate: () => problems });
    this.fleetName = name;
    this.projectDirectory = scope.projectDirectory;
    this.paths = new FleetPaths(text(props.stateDirectory) ?? defaultStateDirectory(name));
    this.cacheDirectory = text(props.cacheDirectory) ?? DEFAULT_CACHE_DIRECTORY;
    this.portLedger = scope.portLedger;

    // as seen from the stack's output, where Terraform runs; the default would be an absolute path
    new LocalBackend(this, { path: `../../../terraform.${name}.tfstate` });
    const provider = new BuildfleetProvider(this, 'buildfleet', {
      fleet: name,
      stateDirectory: this.paths.stateDirectory,
      cacheDirectory: this.cacheDirectory,
    });
    new NullProvider(this, 'null');
    if (props.nullProvider !== 'registry') this.serveNullBinding(provider);
  }

  /**
   * Has everything of the null binding served by our process, also what nobody gave a provider. Terraform starts a
   * process for every source that it requires, if only to ask for its schema; so the binding's own goes.
   */
  private serveNullBinding(provider: TerraformProvider): void {
    this.addOverride('terraform.required_providers.null', undefined);
    this.addOverride('provider.null', undefined);
    Aspects.of(this).add({
      visit: (construct) => {
        if (isOfNullBinding(construct)) construct.provider = provider;
      },
    });
  }

  /** Between stacks this pass finds references; where there is one stack it would only resolve everything twice. */
  override prepareStack(): void {
    if (this.node.scope?.node.children.length !== 1) super.prepareStack();
  }

  /** Terraform addresses as people say them: `buildfleet_vm.alpha`. Ids hold no underscore, so no two collide. */
  protected override allocateLogicalId(element: TerraformElement): string {
    const scopes = element.node.scopes;
    return scopes
      .slice(scopes.indexOf(this) + 1)
      .map((scope) => scope.node.id)
      .filter((id) => id !== 'Resource')
      .join('_');
  }
}

function isOfNullBinding(construct: IConstruct): construct is TerraformResource | TerraformDataSource {
  return (
    (TerraformResource.isTerraformResource(construct) || TerraformDataSource.isTerraformDataSource(construct)) &&
    construct.terraformGeneratorMetadata?.providerName === 'null'
  );
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function checkStack(name: string, place: string, props: FleetStackProps): string[] {
  const problems: string[] = [];
  if (name !== place) {
    problems.push(
      new FleetError({
        code: 'bad-name',
        place: 'app',
        problem: `the name of a stack must match ${String(NAME_PATTERN)} and be used once`,
        value: name,
        remedy: 'give it another name',
      }).message,
    );
  }
  for (const issue of propsSchema.safeParse(props, { reportInput: true }).error?.issues ?? []) {
    problems.push(
      new FleetError({
        code: 'bad-property',
        place,
        problem: `${issue.path.join('.')}: ${issue.message.charAt(0).toLowerCase()}${issue.message.slice(1)}`,
        value: issue.code === 'unrecognized_keys' ? issue.keys : issue.input,
        remedy: `use the properties ${Object.keys(propsSchema.shape).join(', ')} as documented`,
      }).message,
    );
  }
  return problems;
}

import type { IConstruct } from 'constructs';
import { z } from 'zod';
import { BuildVm } from '../constructs/build-vm';
import { HaskellBuildImage } from '../constructs/haskell-build-image';
import { Workstation } from '../constructs/workstation';
import {
  Aspects,
  LocalBackend,
  NullProvider,
  TerraformDataSource,
  type TerraformElement,
  type TerraformProvider,
  TerraformResource,
  TerraformStack,
} from '../constructs/private/cdktf';
import { type IFleet, markFleet } from '../constructs/private/fleet';
import { checkProps, messageAt } from '../constructs/private/fleet-construct';
import type { PortLedger } from '../constructs/private/port-ledger';
import { BuildfleetProvider } from '../constructs/private/provider';
import { workstationPathSchema } from '../constructs/private/schemas';
import { DEFAULT_CACHE_DIRECTORY } from '../src/model/defaults';
import { FleetError } from '../src/model/errors';
import { NAME_PATTERN } from '../src/model/names';
import { FleetPaths, defaultStateDirectory } from '../src/model/paths';
import type { IFleetProject } from './fleet-project';

export interface FleetStackProps {
  /**
   * Keys, disks and services of this fleet on the workstation.
   * @default `~/.local/state/buildfleet/NAME`
   */
  readonly stateDirectory?: string;
  /**
   * Images, shared by all fleets of an operator.
   * @default `~/.cache/buildfleet`
   */
  readonly cacheDirectory?: string;
  /**
   * Where `null_resource` comes from: our own process, or the registry, which needs the network.
   * @default 'bundled'
   */
  readonly nullProvider?: 'bundled' | 'registry';
}

const propsSchema = z.strictObject({
  stateDirectory: workstationPathSchema.optional(),
  cacheDirectory: workstationPathSchema.default(DEFAULT_CACHE_DIRECTORY),
  nullProvider: z.enum(['bundled', 'registry']).default('bundled').meta({ remedy: 'use one of: bundled, registry' }),
});

/** Directory of `main.ts` as seen from a stack's output, where Terraform runs, unless the output is another directory. */
export const PROJECT_FROM_OUTPUT = '../../..';

/** Constructs whose names are unique in a fleet. */
const NAMED = [BuildVm, HaskellBuildImage, Workstation];

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
    const problems = name === this.node.id ? [] : [badName(name)];
    const checked = checkProps(propsSchema, props, (problem) => {
      problems.push(messageAt(this, problem));
    });
    this.node.addValidation({ validate: () => problems });
    this.fleetName = name;
    this.projectDirectory = scope.projectDirectory;
    // of wrong props nothing is synthesized, but paths are made
    const { stateDirectory, cacheDirectory, nullProvider } = problems.length === 0 ? checked : propsSchema.parse({});
    this.paths = new FleetPaths(stateDirectory ?? defaultStateDirectory(name));
    this.cacheDirectory = cacheDirectory;
    this.portLedger = scope.portLedger;

    // the default would be an absolute path
    new LocalBackend(this, { path: `${PROJECT_FROM_OUTPUT}/terraform.${name}.tfstate` });
    const provider = new BuildfleetProvider(this, 'buildfleet', {
      fleet: name,
      stateDirectory: this.paths.stateDirectory,
      cacheDirectory: this.cacheDirectory,
    });
    new NullProvider(this, 'null');
    if (nullProvider !== 'registry') this.serveNullBinding(provider);
  }

  override prepareStack(): void {
    this.renderMoves();
    // Between stacks this pass finds references; where there is one stack it would only resolve everything twice.
    if (this.node.scope?.node.children.length !== 1) super.prepareStack();
  }

  /**
   * Readable Terraform addresses: `buildfleet_vm.alpha`. Ids hold no underscore, so no two collide. What a fleet has once by
   * its name keeps its address, and so itself, where its construct moves in the tree.
   */
  protected override allocateLogicalId(element: TerraformElement): string {
    const scopes = this.scopesOf(element);
    const named = scopes.findLastIndex((scope) => NAMED.some((kind) => scope instanceof kind));
    return logicalId(scopes.slice(Math.max(named, 0)));
  }

  /** States of earlier versions have every resource under its place in the tree. */
  private renderMoves(): void {
    const moved = this.node.findAll().flatMap((construct) => {
      if (!TerraformResource.isTerraformResource(construct)) return [];
      const { terraformResourceType: type, friendlyUniqueId: id } = construct;
      const place = logicalId(this.scopesOf(construct));
      return place === id ? [] : [{ from: `${type}.${place}`, to: `${type}.${id}` }];
    });
    if (moved.length > 0) this.addOverride('moved', moved);
  }

  private scopesOf(construct: IConstruct): IConstruct[] {
    const { scopes } = construct.node;
    return scopes.slice(scopes.indexOf(this) + 1);
  }

  /**
   * Has buildfleet's provider serve the null binding's resources, also those without a provider of their own. Terraform
   * starts a process for every source that it requires, if only to ask for its schema; so the binding's own goes.
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
}

function logicalId(scopes: readonly IConstruct[]): string {
  return scopes
    .map(({ node }) => node.id)
    .filter((id) => id !== 'Resource')
    .join('_');
}

function isOfNullBinding(construct: IConstruct): construct is TerraformResource | TerraformDataSource {
  return (
    (TerraformResource.isTerraformResource(construct) || TerraformDataSource.isTerraformDataSource(construct)) &&
    construct.terraformGeneratorMetadata?.providerName === 'null'
  );
}

/** A stack whose name cannot be used has another id, so the place is the app. */
function badName(name: string): string {
  return new FleetError({
    code: 'bad-name',
    place: 'app',
    problem: `the name of a stack must match ${String(NAME_PATTERN)} and be used once`,
    value: name,
    remedy: 'give it another name',
  }).message;
}

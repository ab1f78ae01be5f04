import type { Construct } from 'constructs';
import { FLEET_SOURCE } from '../../src/programs/place-provider';
import { TerraformProvider } from './cdktf';
import { escapeTemplates } from './template-escape';

export interface BuildfleetProviderProps {
  /** Name of the fleet, which tags everything it owns. */
  readonly fleet: string;
  /** Keys, disks and services of this fleet; may begin with `~/`. */
  readonly stateDirectory: string;
  /** Images of all fleets of this user; may begin with `~/`. */
  readonly cacheDirectory: string;
}

/** Our own provider, which synth places into the stack's output. */
export class BuildfleetProvider extends TerraformProvider {
  private readonly props: BuildfleetProviderProps;

  constructor(scope: Construct, id: string, props: BuildfleetProviderProps) {
    super(scope, id, {
      terraformResourceType: 'buildfleet',
      terraformGeneratorMetadata: { providerName: 'buildfleet', providerVersion: FLEET_SOURCE.version },
      terraformProviderSource: FLEET_SOURCE.source,
    });
    this.props = props;
  }

  protected override synthesizeAttributes(): Record<string, unknown> {
    return {
      fleet: this.props.fleet,
      state_directory: escapeTemplates(this.props.stateDirectory),
      cache_directory: escapeTemplates(this.props.cacheDirectory),
    };
  }
}

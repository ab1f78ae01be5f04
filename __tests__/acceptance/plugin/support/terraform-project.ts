import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { type CommandResult, type RunOptions, run } from '../../../../src/process/run';
import { FLEET_SOURCE, placeProvider } from '../../../../src/programs/place-provider';
import { temporaryDirectory } from '../../../support/temporary-directory';

/** One object in the state file. */
interface StoredInstance {
  readonly schema_version: number;
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface StoredFile {
  readonly serial: number;
  readonly resources: readonly { readonly instances: readonly StoredInstance[] }[];
}

/** A directory with a configuration and a placed provider, in which Terraform runs without network. */
export class TerraformProject {
  readonly root = temporaryDirectory();
  readonly directory = join(this.root, 'stack');
  /** Where the fake resources lie. */
  readonly things = join(this.root, 'things');

  constructor() {
    mkdirSync(this.directory);
    mkdirSync(this.things);
    placeProvider(this.directory);
  }

  /** Puts the provider of fake-provider.ts in the place of the real one. */
  serveFakeProvider(): void {
    buildSync({
      entryPoints: [join(__dirname, 'fake-provider.ts')],
      outfile: join(this.directory, 'provider/main.js'),
      bundle: true,
      platform: 'node',
      target: 'node20',
      logLevel: 'silent',
    });
  }

  /** Writes the configuration: resources by type and name. */
  configure(
    resources: Record<string, Record<string, unknown>>,
    provider: Record<string, unknown> = { fleet: 'test' },
  ): void {
    const configuration = {
      terraform: { required_providers: { buildfleet: { source: FLEET_SOURCE.source, version: FLEET_SOURCE.version } } },
      provider: { buildfleet: provider },
      // an empty block is an error in Terraform's JSON
      ...(Object.values(resources).some((named) => Object.keys(named).length > 0) ? { resource: resources } : {}),
    };
    writeFileSync(join(this.directory, 'cdk.tf.json'), JSON.stringify(configuration, null, 2));
  }

  /** Adds outputs to the configuration, and data sources by type and name. */
  configureData(data: Record<string, Record<string, unknown>>, outputs: Record<string, string>): void {
    const file = join(this.directory, 'data.tf.json');
    const output = Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, { value }]));
    writeFileSync(file, JSON.stringify({ data, output }));
  }

  /** Fake things by name; each gets its own name unless it says otherwise. */
  configureThings(things: Record<string, Record<string, unknown>>): void {
    const named = Object.entries(things).map(([name, thing]) => [name, { name, ...thing }]);
    this.configure({ buildfleet_fake_thing: Object.fromEntries(named) as never }, { state_directory: this.things });
  }

  terraform(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return run('terraform', args, { ...options, cwd: this.directory, env: { ...ENVIRONMENT, ...options.env } });
  }

  /** Applies and answers with both streams, whether it succeeds or not. */
  async apply(options: RunOptions = {}): Promise<string> {
    const result = await this.terraform(['apply', '-auto-approve', '-no-color'], {
      acceptExitCodes: [0, 1],
      ...options,
    });
    return unwrap(`${result.stdout}\n${result.stderr}`);
  }

  /** Exit code 0 means no changes, 2 changes. */
  async plan(): Promise<{ readonly text: string; readonly exitCode: number }> {
    const result = await this.terraform(['plan', '-no-color', '-detailed-exitcode'], { acceptExitCodes: [0, 1, 2] });
    return { text: unwrap(`${result.stdout}\n${result.stderr}`), exitCode: result.exitCode };
  }

  /** What Terraform knows of the resources, by address. */
  async state(): Promise<Record<string, { values: Record<string, unknown>; tainted?: boolean }>> {
    const { stdout } = await this.terraform(['show', '-json']);
    const shown = JSON.parse(stdout) as {
      values?: {
        root_module: { resources?: { address: string; values: Record<string, unknown>; tainted?: boolean }[] };
      };
    };
    return Object.fromEntries((shown.values?.root_module.resources ?? []).map((entry) => [entry.address, entry]));
  }

  /** Rewrites what the state file says of every object, as a provider of another version would have written it. */
  rewriteState(change: (instance: StoredInstance) => StoredInstance): void {
    const state = JSON.parse(readFileSync(this.stateFile, 'utf8')) as StoredFile;
    const resources = state.resources.map((one) => ({ ...one, instances: one.instances.map(change) }));
    writeFileSync(this.stateFile, JSON.stringify({ ...state, serial: state.serial + 1, resources }));
  }

  /** Schema versions of all objects in the state file. */
  schemaVersions(): number[] {
    const { resources } = JSON.parse(readFileSync(this.stateFile, 'utf8')) as StoredFile;
    return resources.flatMap(({ instances }) => instances.map(({ schema_version }) => schema_version));
  }

  private get stateFile(): string {
    return join(this.directory, 'terraform.tfstate');
  }

  thing(name: string): Record<string, unknown> {
    return JSON.parse(readFileSync(join(this.things, `${name}.json`), 'utf8')) as Record<string, unknown>;
  }

  changeThing(name: string, change: Record<string, unknown>): void {
    writeFileSync(join(this.things, `${name}.json`), JSON.stringify({ ...this.thing(name), ...change }));
  }
}

/** No network: a proxy on a port without a listener. The cache must not be the operator's. */
const ENVIRONMENT = {
  CHECKPOINT_DISABLE: '1',
  TF_CLI_CONFIG_FILE: '/dev/null',
  TF_PLUGIN_CACHE_DIR: '',
  TF_IN_AUTOMATION: '1',
  HTTPS_PROXY: 'http://127.0.0.1:1',
};

/** Terraform frames errors and breaks their lines; a test wants the words. */
function unwrap(text: string): string {
  return text.replace(/^[│╷╵] ?/gm, '').replace(/\s+/g, ' ');
}

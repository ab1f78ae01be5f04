import { readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';
import { App } from '../constructs/private/cdktf';
import { PortLedger } from '../constructs/private/port-ledger';
import { type RenderedFile, renderedFilesOf } from '../constructs/private/rendered-file';
import { FleetError, isFleetError } from '../src/model/errors';
import { CDK_COMMAND } from '../src/model/cdk-command';
import { type ParsedPortRegistry, parsePortRegistry, renderPortRegistry } from '../src/rendering/port-registry';
import { shellWord } from '../src/rendering/shell-word';
import { bundleHub } from '../src/programs/hub';
import { bundleSupervisor } from '../src/programs/supervisor';
import { type RequiredProvider } from '../src/programs/lock-file';
import { placeProvider } from '../src/programs/place-provider';
import { findBlockingCliConfig } from '../src/programs/terraform-cli-config';
import type { IFleetProject } from './fleet-project';
import { FleetStack, PROJECT_FROM_OUTPUT } from './fleet-stack';
import { writeFiles } from './output';

const REGISTRY_FILE = 'port-registry.yml';

export interface FleetAppProps {
  /**
   * Where Terraform's input goes.
   * @default what the cdktf command says, else `cdktf.out` in the project
   */
  readonly outdir?: string;
  /**
   * Fails when the port registry would change, instead of changing it.
   * @default whether `CI` is set in the environment
   */
  readonly ci?: boolean;
}

/** A project: the fleets that one `main.ts` describes, the port registry beside it, and what synth writes. */
export class FleetApp extends App implements IFleetProject {
  readonly portLedger: PortLedger;
  private readonly registry: ParsedPortRegistry;
  private readonly registryText: string;
  private readonly ci: boolean;

  /** @param projectDirectory of `main.ts`: the port registry and `rendered/` lie there */
  constructor(
    readonly projectDirectory: string,
    props: FleetAppProps = {},
  ) {
    super({
      outdir: props.outdir ?? process.env['CDKTF_OUTDIR'] ?? join(projectDirectory, 'cdktf.out'),
      stackTraces: false,
    });
    this.ci = props.ci ?? !['', '0', 'false', undefined].includes(process.env['CI']);
    this.registryText = readIfThere(join(projectDirectory, REGISTRY_FILE));
    this.registry = parsePortRegistry(this.registryText, REGISTRY_FILE);
    this.portLedger = new PortLedger(this.registry.registry);
  }

  /** Everything that is wrong with the fleets, each in one line with its place, the value received and the remedy. */
  problems(): readonly string[] {
    const found = this.node.findAll().flatMap((construct) => construct.node.validate());
    const registry = this.registry.problems.map((problem) => problem.message);
    return [...registry, ...found, ...(registry.length + found.length === 0 ? this.staleRegistry() : [])];
  }

  /** Writes Terraform's input and every rendered file, or prints all mistakes and writes nothing. */
  override synth(): void {
    const blocking = findBlockingCliConfig(process.env, homedir());
    if (blocking !== null) process.stderr.write(`warning: ${blocking.message}\n`);
    try {
      this.synthesize();
    } catch (error) {
      process.stderr.write(
        `${error instanceof InvalidFleet || isFleetError(error) ? error.message : String((error as Error).stack)}\n`,
      );
      process.exitCode = 1;
    }
  }

  /**
   * As {@link synth}, for callers that catch.
   *
   * @throws InvalidFleet with the list of what is wrong
   */
  synthesize(): void {
    this.render();
    for (const stack of this.stacks()) this.placePrograms(stack);
  }

  /**
   * Writes everything but the programs: Terraform's input, the rendered files and the port registry.
   *
   * @throws InvalidFleet with the list of what is wrong
   */
  render(): void {
    const problems = this.problems();
    if (problems.length > 0) throw new InvalidFleet(problems);
    super.synth();
    for (const stack of this.stacks()) this.writeStack(stack);
    if (this.registryChanges()) {
      writeFileSync(join(this.projectDirectory, REGISTRY_FILE), renderPortRegistry(this.portLedger.registry));
    }
  }

  freeStackId(): string {
    return `stack-${this.node.children.length + 1}`;
  }

  private stacks(): FleetStack[] {
    return this.node.children.filter((child) => child instanceof FleetStack);
  }

  private directoryOf(stack: FleetStack): string {
    return join(this.outdir, 'stacks', stack.node.id);
  }

  private writeStack(stack: FleetStack): void {
    const directory = this.directoryOf(stack);
    const plan = { path: 'cdk.tf.json', content: readFileSync(join(directory, 'cdk.tf.json'), 'utf8') };
    const files = [plan, ...renderedFilesOf(stack)];
    writeFiles(join(this.projectDirectory, 'rendered', stack.node.id), files, 'all');
    const toProject = relative(realpathSync(directory), realpathSync(this.projectDirectory));
    writeFiles(
      directory,
      files.map((file) => seenFrom(toProject, file)),
      'subdirectories',
    );
    // Terraform's note of where the state was: earlier versions had it beside every output
    const note = join(directory, '.terraform/terraform.tfstate');
    if (!readIfThere(note).includes(`"${toProject}/`)) rmSync(note, { force: true });
  }

  /** Provider, hub and supervisor, which `terraform init` and deploy find in the stack's output. */
  private placePrograms(stack: FleetStack): void {
    const directory = this.directoryOf(stack);
    placeProvider(directory, requiredProviders(readFileSync(join(directory, 'cdk.tf.json'), 'utf8')));
    bundleHub(join(directory, 'provider'));
    bundleSupervisor(join(directory, 'provider'));
  }

  /** Whether the file's content would change; comments and spelling do not count. */
  private registryChanges(): boolean {
    const before = this.registryText === '' ? '' : renderPortRegistry(this.registry.registry);
    return renderPortRegistry(this.portLedger.registry) !== before;
  }

  private staleRegistry(): readonly string[] {
    if (!this.ci || !this.registryChanges()) return [];
    return [
      new FleetError({
        code: 'registry-stale',
        place: REGISTRY_FILE,
        problem: 'the port registry is not what main.ts asks for, and with CI set it is not written',
        remedy: `run \`npx ${CDK_COMMAND} synth\` without CI and commit the file`,
      }).message,
    ];
  }
}

/** The mistakes in the fleets, as a list. */
export class InvalidFleet extends Error {
  constructor(readonly problems: readonly string[]) {
    super(
      [
        problems.length === 1
          ? 'one thing is wrong with the fleet:'
          : `${problems.length} things are wrong with the fleet:`,
        ...problems.map((problem) => `  - ${problem}`),
      ].join('\n'),
    );
    this.name = 'InvalidFleet';
  }
}

/** A file as it is below the output, which need not be `cdktf.out` in the project: state and CLI stay where they are. */
function seenFrom(toProject: string, file: RenderedFile): RenderedFile {
  if (toProject === PROJECT_FROM_OUTPUT) return file;
  switch (file.path) {
    case 'cdk.tf.json':
      return {
        ...file,
        content: file.content.replace(`"${PROJECT_FROM_OUTPUT}/`, () => JSON.stringify(`${toProject}/`).slice(0, -1)),
      };
    case 'smoke-test.sh':
      return {
        ...file,
        content: file.content.replace(`for up in ${PROJECT_FROM_OUTPUT} `, () => `for up in ${shellWord(toProject)} `),
      };
    default:
      return file;
  }
}

function requiredProviders(plan: string): RequiredProvider[] {
  const { terraform } = JSON.parse(plan) as { terraform: { required_providers: Record<string, RequiredProvider> } };
  return Object.values(terraform.required_providers);
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FleetProject } from '../../__tests__/support/fleet-project';
import type { Hypervisor } from '../../src/model/hypervisor';
import { DEFAULT_CACHE_DIRECTORY } from '../../src/model/defaults';
import { expandHome } from '../../src/model/paths';
import { listProcesses, signalProcess, waitForEnd } from '../../src/process/process-identity';
import { run } from '../../src/process/run';
import { QemuDriver } from '../../src/drivers/qemu/driver';
import type { BenchContext } from './figure';
import { parseState, TerraformDirectory } from './terraform';

/** Ports of the measured fleet: none of them is a fleet's default or an acceptance test's. */
const BENCH_PORTS = { sshd: 14220, hub: 14200, first: 14221, last: 14340 };

/** Arguments of each resource, by type and name. */
type DeclaredResources = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;

/** A fleet in a project, a home and a range of ports of its own. */
export class BenchFleet {
  readonly project = new FleetProject(BENCH_PORTS);
  readonly terraform: TerraformDirectory;

  /** @param environment added to that of Terraform and the provider */
  constructor(
    private readonly context: BenchContext,
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.terraform = new TerraformDirectory(
      join(this.project.directory, 'cdktf.out/stacks/fleet'),
      this.project.environment(environment),
      context.signal,
    );
  }

  get cacheDirectory(): string {
    return expandHome(DEFAULT_CACHE_DIRECTORY, this.project.home);
  }

  /** Describes a fleet of small VMs instead of the one in the repository's `main.ts`. */
  describeSmallVms(count: number, hypervisor: Hypervisor = 'qemu'): void {
    writeFileSync(join(this.project.directory, 'main.ts'), smallVms(count, hypervisor));
  }

  /** Describes VMs of the usual size, without smoke tests. */
  describeVms(ids: readonly string[], warmStart: boolean): void {
    writeFileSync(join(this.project.directory, 'main.ts'), usualVms(ids, warmStart));
  }

  /** Logs in as a developer does, and leaves. */
  async logIn(vm: string): Promise<void> {
    await this.project.ssh([vm, 'true'], { signal: this.context.signal });
  }

  /** Runs the program that the cdktf command starts. */
  async synth(): Promise<void> {
    await run('node', ['--require', './scripts/ts-node.cjs', 'main.ts'], {
      cwd: this.project.directory,
      env: this.project.environment(),
      signal: this.context.signal,
    });
  }

  /** Terraform's input: every resource as `TYPE.NAME` with its arguments. */
  declared(): ReadonlyMap<string, Readonly<Record<string, unknown>>> {
    return new Map(
      Object.entries(this.input().resource).flatMap(([type, byName]) =>
        Object.entries(byName).map(([name, body]) => [`${type}.${name}`, body] as const),
      ),
    );
  }

  /** Gives Terraform other resources than the program does, and no outputs, until the next synth. */
  declareInstead(resource: DeclaredResources): void {
    writeFileSync(this.inputFile, JSON.stringify({ ...this.input(), resource, output: undefined }));
  }

  private get inputFile(): string {
    return join(this.terraform.path, 'cdk.tf.json');
  }

  private input(): { resource: DeclaredResources } {
    return JSON.parse(readFileSync(this.inputFile, 'utf8')) as { resource: DeclaredResources };
  }

  /** Path of the finished image, which is built if the cache has none. */
  async image(): Promise<string> {
    const target = [...this.declared().keys()].find((address) => address.startsWith('buildfleet_image.'));
    if (target === undefined) throw new Error('the fleet declares no image');
    await this.terraform.apply([target]);
    const image = parseState(this.project.state()).resources.find(({ type }) => type === 'buildfleet_image');
    const attributes = image?.instances[0]?.attributes as { artifact_path?: string } | undefined;
    if (attributes?.artifact_path === undefined) throw new Error('the image has no artifact');
    return attributes.artifact_path;
  }

  async destroy(): Promise<void> {
    await this.terraform.run(['destroy', '-auto-approve', '-input=false', '-no-color']);
  }

  /** Takes everything away, also what Terraform does not know of or cannot destroy, and also after a Ctrl-C. */
  async remove(): Promise<void> {
    const cleanup = new AbortController().signal;
    if (existsSync(this.terraform.path) && this.project.state() !== '') {
      await this.terraform.run(['destroy', '-auto-approve', '-input=false', '-no-color'], {
        signal: cleanup,
        acceptExitCodes: [0, 1],
      });
    }
    const { paths } = this.project;
    const driver = new QemuDriver({ paths, run, accelerator: () => Promise.resolve('tcg') });
    for (const { name, uuid, fleet } of await driver.list()) {
      await driver.destroy({ name, uuid, fleet: fleet ?? '' }, cleanup);
    }
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const left = listProcesses().filter(({ argv }) => argv.some((word) => word.includes(paths.stateDirectory)));
      for (const process of left) signalProcess(process, signal);
      await Promise.all(left.map((process) => waitForEnd(process, 5000)));
    }
    this.project.remove();
  }
}

/** Runs the body with a fleet and takes the fleet away again, however the body ends. */
export async function withFleet<T>(
  context: BenchContext,
  body: (fleet: BenchFleet) => Promise<T>,
  environment?: Readonly<Record<string, string>>,
): Promise<T> {
  const fleet = new BenchFleet(context, environment);
  try {
    return await body(fleet);
  } finally {
    await fleet.remove();
  }
}

function smallVms(count: number, hypervisor: Hypervisor): string {
  return program(
    `{ hypervisor: '${hypervisor}', network: 'nat', capacity: { cpus: ${count}, memory: Size.mebibytes(${count * 16}) } }`,
    `const small = { ...standard, cpus: 1, memory: Size.mebibytes(16) };
for (let vm = 1; vm <= ${count}; vm++) new BuildVm(fleet, \`small-\${vm}\`, small);`,
  );
}

function usualVms(ids: readonly string[], warmStart: boolean): string {
  return program(
    `{ warmStart: ${warmStart}, capacity: { cpus: 64, memory: Size.gibibytes(64) } }`,
    ids.map((id) => `new BuildVm(fleet, '${id}', { ...standard, smokeTest: false });`).join('\n'),
  );
}

function program(host: string, vms: string): string {
  const { sshd, hub, first, last } = BENCH_PORTS;
  return `import { BuildVm } from './constructs/build-vm';
import { HaskellBuildImage } from './constructs/haskell-build-image';
import { VmHost } from './constructs/vm-host';
import { Workstation } from './constructs/workstation';
import { Size } from './src/model/size';
import { FleetApp } from './stacks/fleet-app';
import { FleetStack } from './stacks/fleet-stack';

const app = new FleetApp(__dirname);
const fleet = new FleetStack(app, 'fleet');
const ports = { sshdPort: ${sshd}, hubPort: ${hub}, tunnelPorts: { first: ${first}, last: ${last} } };
const workstation = Workstation.embedded(fleet, 'workstation', ports);
const local = VmHost.local(fleet, 'local', ${host});
const haskell = HaskellBuildImage.debian(fleet, 'haskell');
const standard = { workstation, host: local, image: haskell };
${vms}

app.synth();
`;
}

import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildfleet, type CliResult } from '../../__tests__/support/buildfleet';
import { loadFleet, type LoadedFleet } from '../../src/cli/fleet-file';
import { Connections } from '../../src/cli/ssh/connections';
import { run } from '../../src/process/run';
import { withFleet } from './bench-fleet';
import type { BenchContext } from './figure';

/** A fleet that is used through the CLI. */
export class WorkFleet {
  readonly connections: Connections;

  constructor(
    readonly loaded: LoadedFleet,
    /** Where projects may be made. */
    readonly directory: string,
    private readonly environment: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ) {
    this.connections = new Connections(loaded, { run, signal, environment: { ...process.env, ...environment } });
  }

  /** Runs the CLI. Throws when it fails. */
  async cli(args: readonly string[], cwd = this.directory): Promise<CliResult> {
    const result = await buildfleet(args, { cwd, env: { ...this.environment, BUILDFLEET_FLEET: this.loaded.file } });
    if (result.exitCode !== 0) throw new Error(`buildfleet ${args.join(' ')}: ${result.stderr}`);
    return result;
  }

  /** Runs a command on a VM by a bare ssh over the connection that the CLI uses. */
  async ssh(vmName: string, command: string): Promise<string> {
    const vm = this.loaded.fleet.vms.find(({ name }) => name === vmName);
    if (vm === undefined) throw new Error(`the fleet has no ${vmName}`);
    return (await this.connections.run(vm, { what: 'the benchmark', command })).stdout;
  }
}

/** Runs the body with the fleet that BUILDFLEET_FLEET names, which stays, or with one that is deployed for it. */
export async function withWorkFleet<T>(context: BenchContext, body: (fleet: WorkFleet) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'buildfleet-bench-'));
  const { signal, progress } = context;
  try {
    const file = process.env['BUILDFLEET_FLEET'];
    if (file !== undefined && file !== '')
      return await body(new WorkFleet(loadFleet(file, homedir()), directory, {}, signal));
    return await withFleet(context, async (fleet) => {
      progress('deploying two VMs');
      await fleet.synth();
      await fleet.terraform.init();
      await fleet.terraform.apply();
      const { home, paths } = fleet.project;
      const loaded = loadFleet(join(paths.stateDirectory, 'fleet.json'), home);
      return body(new WorkFleet(loaded, directory, { HOME: home }, signal));
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

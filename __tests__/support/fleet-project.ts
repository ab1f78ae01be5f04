import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CDK_COMMAND } from '../../src/model/cdk-command';
import { expandHome, FleetPaths, defaultStateDirectory } from '../../src/model/paths';
import { type CommandResult, run, type RunOptions } from '../../src/process/run';
import { RunningCommand } from './running-command';

const REPOSITORY = join(__dirname, '../..');

/** Ports of one test fleet. Suites run side by side, so each takes a range of its own. */
export interface FleetPorts {
  readonly sshd: number;
  readonly hub: number;
  readonly first: number;
  readonly last: number;
}

/**
 * A checkout of its own for one acceptance suite: the repository's code with a `main.ts`, a port registry and a home
 * directory that belong to the test alone. Only the image cache is shared, because it is keyed by content.
 */
export class FleetProject {
  readonly directory: string;
  readonly home: string;
  readonly paths: FleetPaths;

  /** @param code the checkout whose code deploys first; see {@link useCode} */
  constructor(
    readonly ports: FleetPorts,
    private code: string = REPOSITORY,
  ) {
    const root = mkdtempSync(join(tmpdir(), 'buildfleet-acceptance-'));
    this.directory = join(root, 'project');
    this.home = join(root, 'home');
    mkdirSync(this.directory);
    mkdirSync(join(this.home, '.cache'), { recursive: true });
    const cache = join(REPOSITORY, '.cache/acceptance');
    mkdirSync(cache, { recursive: true });
    symlinkSync(cache, join(this.home, '.cache/buildfleet'));
    this.useCode(code);
    this.paths = new FleetPaths(expandHome(defaultStateDirectory('fleet'), this.home));
  }

  /** Takes the code of a checkout, and its `main.ts`. State, home and port registry stay: this is how one upgrades. */
  useCode(code: string): void {
    for (const entry of readdirSync(this.directory, { withFileTypes: true })) {
      if (entry.isSymbolicLink()) unlinkSync(join(this.directory, entry.name));
    }
    const own = new Set(['main.ts', 'port-registry.yml', 'cdktf.out', 'rendered', '.git', '.cache', 'dist']);
    for (const entry of readdirSync(code)) {
      if (!own.has(entry) && !entry.includes('.tfstate')) symlinkSync(join(code, entry), join(this.directory, entry));
    }
    writeFileSync(join(this.directory, 'main.ts'), withPorts(readFileSync(join(code, 'main.ts'), 'utf8'), this.ports));
    this.code = code;
  }

  /** Edits `main.ts` as an operator would. An edit that changes nothing is a mistake in the test. */
  editMain(edit: (text: string) => string): void {
    const path = join(this.directory, 'main.ts');
    const before = readFileSync(path, 'utf8');
    const after = edit(before);
    if (after === before) throw new Error(`the edit did not change main.ts:\n${before}`);
    writeFileSync(path, after);
  }

  /** Runs `cdktf COMMAND STACK …` in the project; both streams are in `stdout`, without colour codes. */
  async cdktf(
    command: 'deploy' | 'diff' | 'destroy' | 'synth',
    { stack = 'fleet', flags = [], ...options }: RunOptions & { stack?: string; flags?: readonly string[] } = {},
  ): Promise<CommandResult> {
    const args = [...(command === 'synth' ? ['synth'] : [command, stack]), ...flags];
    if (command === 'deploy' || command === 'destroy') args.push('--auto-approve');
    const result = await run(join(this.code, 'node_modules/.bin', CDK_COMMAND), args, {
      ...options,
      cwd: this.directory,
      env: this.environment(options.env),
    });
    return { ...result, stdout: plain(`${result.stdout}\n${result.stderr}`) };
  }

  /** As {@link cdktf}, without waiting for the end. */
  start(command: 'deploy' | 'destroy'): RunningCommand {
    return RunningCommand.start(
      join(this.code, 'node_modules/.bin', CDK_COMMAND),
      [command, 'fleet', '--auto-approve'],
      {
        cwd: this.directory,
        env: this.environment(),
      },
    );
  }

  /** Runs the project's own CLI on the deployed fleet. */
  async cli(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return run(join(this.code, 'bin/buildfleet'), args, {
      ...options,
      cwd: this.directory,
      env: this.environment(options.env),
    });
  }

  /** Runs OpenSSH with the operator's configuration. It looks for that in the account's home, hence `-F`. */
  async ssh(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return run('ssh', ['-F', join(this.home, '.ssh/config'), '-o', 'BatchMode=yes', ...args], options);
  }

  environment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      HOME: this.home,
      CI: '',
      CHECKPOINT_DISABLE: '1',
      TF_CLI_CONFIG_FILE: '',
      FORCE_COLOR: '0',
      NO_COLOR: '1',
      ...extra,
    };
  }

  /** Terraform's view of everything that exists. */
  state(): string {
    const path = join(this.directory, 'terraform.fleet.tfstate');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  remove(): void {
    rmSync(join(this.directory, '..'), { recursive: true, force: true });
  }
}

function plain(text: string): string {
  // eslint-disable-next-line no-control-regex -- colour codes start with an escape character
  return text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '');
}

/** Gives the fleet of `main.ts` the test's ports. */
function withPorts(main: string, ports: FleetPorts): string {
  const changed = main.replace(
    /Workstation\.embedded\((\w+), '(\w+)'\)/,
    `Workstation.embedded($1, '$2', { sshdPort: ${ports.sshd}, hubPort: ${ports.hub}, tunnelPorts: { first: ${ports.first}, last: ${ports.last} } })`,
  );
  if (changed === main) throw new Error('main.ts no longer declares its workstation as this test expects');
  return changed;
}

/**
 * An edit of `main.ts` that gives the fleet's VMs one processor each. Suites run side by side, and more emulated
 * processors than real ones waste time: four VMs of two on two real ones took 32 s of processor time each until their ssh
 * banner, of one 21 s.
 */
export function withOneCpu(main: string): string {
  return main.replace('image: haskell, cpus: 2,', 'image: haskell, cpus: 1,');
}

/** An edit of `main.ts` after which every start of a VM is a boot. */
export function withoutWarmStart(main: string): string {
  return main.replace("hypervisor: 'qemu', capacity", "hypervisor: 'qemu', warmStart: false, capacity");
}

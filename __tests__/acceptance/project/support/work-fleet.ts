import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { listProcesses, type ProcessIdentity } from '../../../../src/process/process-identity';
import { buildfleet, BuildfleetProcess, type CliResult } from '../../../support/buildfleet';
import { StandInMachine, writeStandInFleet } from '../../../support/stand-in-machine';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { until } from '../../../support/until';

/** Programs that a {@link WorkFleet} needs. */
export const WORK_TOOLS = ['sshd', 'ssh', 'ssh-keygen', 'rsync', 'unshare', 'setpriv', 'flock'] as const;

// Only root can give the stand-ins a /build of their own.
export { describeAsRoot } from '../../../support/as-root';

/** Stand-in machines, each with a `/build` of its own and a fake cabal, and projects to build on them. */
export class WorkFleet {
  private projects = 0;

  private constructor(
    readonly directory: string,
    readonly machines: ReadonlyMap<string, StandInMachine>,
    /** What makes commands work on this fleet, with connections of their own. */
    readonly environment: Readonly<Record<string, string>>,
  ) {}

  static async create(...ids: readonly string[]): Promise<WorkFleet> {
    const directory = temporaryDirectory();
    const bin = join(directory, 'bin');
    mkdirSync(bin);
    copyFileSync(join(__dirname, '../../../support/fake-cabal'), join(bin, 'cabal'));
    const machines = new Map<string, StandInMachine>();
    for (const id of ids) {
      const build = join(directory, id, 'build');
      mkdirSync(build, { recursive: true });
      machines.set(id, await StandInMachine.create(join(directory, id), { PATH: `${bin}:/usr/bin:/bin` }, build));
    }
    // One key for all, as a developer has.
    const [{ userKey } = { userKey: '' }] = machines.values();
    for (const machine of machines.values())
      if (machine.userKey !== userKey) copyFileSync(`${userKey}.pub`, `${machine.userKey}.pub`);
    mkdirSync(join(directory, 'run'), { mode: 0o700 });
    const vms = [...machines].map(([id, { port, hostKey }]) => ({ id, port, hostKey }));
    const file = writeStandInFleet(join(directory, 'state'), userKey, 'http://127.0.0.1:1', vms);
    return new WorkFleet(directory, machines, {
      BUILDFLEET_FLEET: file,
      XDG_RUNTIME_DIR: join(directory, 'run'),
    });
  }

  async dispose(): Promise<void> {
    for (const machine of this.machines.values()) await machine.dispose();
  }

  /** Waits for the end of all builds, and forgets what was learned of dead machines: that is not the next test's. */
  async untilQuiet(): Promise<void> {
    const memory = join(this.directory, 'run/buildfleet');
    for (const name of existsSync(memory) ? readdirSync(memory) : [])
      if (name.startsWith('trouble-')) rmSync(join(memory, name));
    const cabal = join(this.directory, 'bin/cabal');
    await until('nothing runs in the workspaces', 15, () =>
      listProcesses().every(({ argv }) => !argv.join(' ').includes(cabal)),
    );
  }

  /** A program that machines find before the system's. */
  addProgram(name: string, text: string): string {
    const path = join(this.directory, 'bin', name);
    writeFileSync(path, text, { mode: 0o755 });
    return path;
  }

  /** @param name of its directory; has to be another one each time */
  makeProject(files: Readonly<Record<string, string>> = {}, name = `app${++this.projects}`): string {
    const root = join(this.directory, 'projects', name);
    for (const [path, text] of Object.entries({ 'app.cabal': '', 'Main.hs': 'one', ...files })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return root;
  }

  cli(cwd: string, ...args: readonly string[]): Promise<CliResult> {
    return buildfleet(args, { cwd, env: this.environment });
  }

  start(cwd: string, ...args: readonly string[]): BuildfleetProcess {
    return new BuildfleetProcess(args, { cwd, env: this.environment });
  }

  /** Where a machine keeps a project whose name makes sense there. */
  workspaceOf(root: string, id = 'alpha'): string {
    const name = root.slice(root.lastIndexOf('/') + 1);
    const found = readdirSync(join(this.directory, id, 'build')).find((one) => one.includes(`-${name}-`));
    return join(this.directory, id, 'build', found ?? 'none');
  }

  /** A build that does not end by itself, as soon as it runs. The next one does. */
  async slowBuild(
    root: string,
    ...options: readonly string[]
  ): Promise<{ readonly cli: BuildfleetProcess; readonly pids: readonly number[] }> {
    writeFileSync(join(root, 'slow'), '');
    const cli = this.start(root, 'build', ...options);
    const pids = await until('the build runs', 30, () => {
      const file = [...this.machines.keys()]
        .map((id) => join(this.workspaceOf(root, id), 'dist-newstyle-pids.o'))
        .find((path) => existsSync(path));
      const found = file === undefined ? [] : readFileSync(file, 'utf8').trim().split(' ').map(Number);
      return found.length === 2 && found;
    });
    rmSync(join(root, 'slow'));
    return { cli, pids };
  }

  /** Every ssh of ours that has these words in its command line. */
  sshWith(words: string): readonly ProcessIdentity[] {
    const config = join(this.directory, 'state/ssh-config');
    return listProcesses().filter(
      ({ argv }) => argv[0] === 'ssh' && argv.includes(config) && argv.join(' ').includes(words),
    );
  }
}

/** Whether none of these processes runs any more. */
export function gone(pids: readonly number[]): boolean {
  return pids.every((pid) => !existsSync(`/proc/${pid}/exe`));
}

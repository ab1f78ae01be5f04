import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { startDetached } from '../../src/process/detached';
import { isRunning, signalProcess, waitForEnd, type ProcessIdentity } from '../../src/process/process-identity';
import { CommandError, run } from '../../src/process/run';
import { temporaryDirectory } from './temporary-directory';
import { until } from './until';

const SCRIPT = join(__dirname, 'user-manager.sh');

/** A real systemd manager of a user, with a home, a runtime directory and cgroups of its own. Needs root. */
export class TestUserManager {
  readonly home: string;
  readonly environment: NodeJS.ProcessEnv;
  private readonly directory = temporaryDirectory();
  private readonly runtime = join(this.directory, 'run');
  private process: ProcessIdentity | null = null;

  constructor() {
    this.home = join(this.directory, 'home');
    for (const path of [this.runtime, this.home]) mkdirSync(path, { mode: 0o700 });
    this.environment = { XDG_RUNTIME_DIR: this.runtime };
  }

  /** Starts it and waits until it has started everything that starts with it. */
  async start(): Promise<void> {
    const { identity } = await startDetached(SCRIPT, ['run', ...this.place()], {
      cwd: '/',
      outputPath: join(this.directory, 'log'),
      append: true,
    });
    this.process = identity;
    await until('the manager runs', 60, async () =>
      // "is-system-running" says "offline" on a machine that another init has booted
      /running|degraded/.test(await this.systemctl('show', '--property=SystemState', '--value')),
    );
  }

  /** Ends it with everything that it runs, as a shutdown does. */
  async stop(): Promise<void> {
    if (this.process === null) return;
    signalProcess(this.process, 'SIGTERM');
    await waitForEnd(this.process, 60_000);
    await run(SCRIPT, ['clean', ...this.place()]);
  }

  /** Ends it and nothing else. */
  async kill(): Promise<void> {
    if (this.process === null) return;
    signalProcess(this.process, 'SIGKILL');
    await waitForEnd(this.process, 60_000);
  }

  /** systemctl's output, with any exit code. */
  async systemctl(...args: string[]): Promise<string> {
    // Some verbs work on files, and on those of the calling account, where another init has booted the machine.
    const env = { XDG_RUNTIME_DIR: this.runtime, HOME: this.home, XDG_CONFIG_HOME: join(this.home, '.config') };
    try {
      return (await run('systemctl', ['--user', ...args], { env })).stdout;
    } catch (error) {
      if (error instanceof CommandError && error.exitCode !== undefined) return error.stdout;
      throw error;
    }
  }

  isRunning(): boolean {
    return this.process !== null && isRunning(this.process);
  }

  async dispose(): Promise<void> {
    await this.stop();
  }

  private place(): readonly string[] {
    return [basename(this.directory), this.runtime, this.home];
  }
}

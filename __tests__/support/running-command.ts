import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A command in a process group of its own, so that a test can press Ctrl-C as a terminal does: for all of it. */
export class RunningCommand {
  private readonly ended: Promise<unknown>;
  private text = '';

  private constructor(private readonly child: ChildProcess) {
    this.ended = once(child, 'exit');
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        this.text += chunk;
      });
    }
  }

  static start(
    file: string,
    args: readonly string[],
    options: { cwd: string; env: Record<string, string> },
  ): RunningCommand {
    return new RunningCommand(
      spawn(file, [...args], {
        cwd: options.cwd,
        env: { ...process.env, ...options.env },
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
  }

  /** What it has printed so far, on both streams. */
  get output(): string {
    return this.text;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Sends a signal to every process of the group, as a terminal does. */
  signalGroup(signal: NodeJS.Signals): void {
    if (this.child.pid !== undefined) process.kill(-this.child.pid, signal);
  }

  /** Waits for the end and answers the exit code, null after a signal. */
  async end(): Promise<number | null> {
    await this.ended;
    return this.child.exitCode;
  }
}

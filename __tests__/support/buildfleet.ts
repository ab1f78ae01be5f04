import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';

const CLI = join(__dirname, '../../bin/buildfleet');

/** What the CLI left, byte for byte. */
export interface CliResult {
  readonly stdout: Buffer;
  readonly stderr: string;
  /** 128 and the signal's number when a signal ended it. */
  readonly exitCode: number;
  readonly seconds: number;
}

/** The CLI as a user runs it, in a process of its own. */
export class BuildfleetProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly finished: Promise<CliResult>;
  private readonly chunks: Buffer[] = [];

  constructor(
    args: readonly string[],
    options: {
      readonly input?: string | Buffer;
      readonly env?: Readonly<Record<string, string>>;
      readonly cwd?: string;
    } = {},
  ) {
    const started = performance.now();
    let stderr = '';
    this.child = spawn(CLI, args, {
      cwd: options.cwd,
      env: { ...process.env, NO_COLOR: '1', BUILDFLEET_FLEET: '', ...options.env },
    });
    this.child.stdout.on('data', (chunk: Buffer) => this.chunks.push(chunk));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    // Whether the program reads its input is its own affair.
    this.child.stdin.on('error', () => undefined);
    if (options.input !== undefined) this.child.stdin.end(options.input);
    this.finished = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => {
        const numbers: Readonly<Record<string, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };
        resolve({
          stdout: this.output,
          stderr,
          exitCode: code ?? 128 + (numbers[signal ?? ''] ?? 0),
          seconds: (performance.now() - started) / 1000,
        });
      });
    });
  }

  get output(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

/** Runs the CLI to its end. Standard input is empty unless given. */
export function buildfleet(
  args: readonly string[],
  options: ConstructorParameters<typeof BuildfleetProcess>[1] = {},
): Promise<CliResult> {
  return new BuildfleetProcess(args, { input: '', ...options }).finished;
}

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FetchSource, FetchTools } from '../../../../../src/cli/fetch/transfer';
import type { Connections } from '../../../../../src/cli/ssh/connections';
import type { FleetVm } from '../../../../../src/model/fleet';
import { CommandError, type Run, run } from '../../../../../src/process/run';
import { temporaryDirectory } from '../../../../support/temporary-directory';

/** Stands in for a VM: a directory, whose `/build` ssh finds by another name. */
export class StandInVm {
  readonly directory = temporaryDirectory();
  readonly source: FetchSource;
  readonly tools: FetchTools;
  private readonly bin = join(this.directory, 'bin');
  private readonly hidden = new Set<string>();

  constructor(vm: FleetVm, workspace: string) {
    this.source = { vm, workspace };
    mkdirSync(join(this.directory, 'build', workspace), { recursive: true });
    mkdirSync(this.bin);
    this.addProgram(
      'ssh',
      `#!/bin/sh
while [ "$1" != ${vm.name} ]; do shift; done
shift
exec bash -c "$(printf %s "$*" | sed 's,/build/\\(${workspace}\\|[.]buildfleet\\),${this.directory}/build/\\1,g')"
`,
    );
    const withStandIn: Run = (file, args, options) => {
      if (this.hidden.has(file)) throw new CommandError('', file, '', '', undefined, 'ENOENT', false, false);
      return run(file, args, { ...options, env: { PATH: `${this.bin}:${process.env['PATH']}`, ...options?.env } });
    };
    const connections = {
      options: () => ['-T'],
      run: async (_: FleetVm, { command }: { command: string }) => {
        const { stdout, stderr, exitCode } = await withStandIn('ssh', [vm.name, command]);
        return { stdout: stdout.replaceAll(`${this.directory}/build/`, '/build/'), stderr, exitCode };
      },
    } as unknown as Connections;
    const { signal } = new AbortController();
    this.tools = { run: withStandIn, connections, signal, limitBytes: 2 ** 30 };
  }

  /** @returns the absolute path of a file in the workspace */
  path(path: string): string {
    return join(this.directory, 'build', this.source.workspace, path);
  }

  write(path: string, text = ''): string {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), text);
    return this.path(path);
  }

  touch(path: string, date: string): void {
    execFileSync('touch', ['-d', date, this.path(path)]);
  }

  /** A program that is found before the system's, on both sides. */
  addProgram(name: string, text: string): void {
    writeFileSync(join(this.bin, name), text, { mode: 0o755 });
  }

  hideProgram(name: string): void {
    this.hidden.add(name);
  }
}

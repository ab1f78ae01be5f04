import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandResult, run } from '../../../../src/process/run';

export const SCRIPTS = join(__dirname, '../../../../assets/haskell/scripts');
export const MACHINE = '11111111-2222-3333-4444-555555555555';

/** Runs the scripts for the host with a stand-in for VBoxManage, in a home directory of their own. */
export class FakeVirtualBox {
  readonly home: string;
  private readonly answers: string;

  /** @param directory exists and is empty */
  constructor(directory: string) {
    this.home = join(directory, 'home');
    this.answers = join(directory, 'virtualbox');
    const programs = join(directory, 'bin');
    for (const made of [this.home, this.answers, programs]) mkdirSync(made);
    symlinkSync(join(__dirname, 'fake-vboxmanage'), join(programs, 'VBoxManage'));
    this.answer('version', '7.2.22_Debianr175245\n');
    this.answer('vms', '');
    this.answer('bridgedifs', '');
    this.answer('info', 'name="x"\nVMState="poweroff"\ndescription="a\nVMState="running"\n"\n');
    this.answer('calls', '');
    this.environment = {
      HOME: this.home,
      FAKE_VIRTUALBOX: this.answers,
      PATH: `${programs}:${process.env['PATH'] ?? ''}`,
    };
  }

  private readonly environment: Readonly<Record<string, string>>;

  answer(name: 'version' | 'vms' | 'bridgedifs' | 'info' | 'calls' | 'import-fails', text: string): void {
    writeFileSync(join(this.answers, name), text);
  }

  forget(name: 'import-fails'): void {
    rmSync(join(this.answers, name), { force: true });
  }

  /** Calls that may change something, in their order. */
  changes(): string[][] {
    const lines = readFileSync(join(this.answers, 'calls'), 'utf8').split('\n').slice(0, -1);
    return lines
      .map((line) => line.split('\x1f').slice(0, -1))
      .filter(([command = '']) => !['list', 'showvminfo', '--version'].includes(command));
  }

  async script(name: string, args: readonly string[], cwd = this.home): Promise<CommandResult> {
    return await run(join(SCRIPTS, name), args, { env: this.environment, cwd });
  }
}

import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VirtualBoxHome } from '../../__tests__/support/virtualbox-home';
import { type CommandResult, CommandError, run } from '../../src/process/run';

const BOX = 'tiny';

/** @returns null when Vagrant is not installed */
export async function vagrantVersion(signal: AbortSignal): Promise<string | null> {
  try {
    const { stdout } = await run('vagrant', ['--version'], { signal });
    return /\d+(?:\.\d+)+/.exec(stdout)?.[0] ?? stdout.trim();
  } catch (error) {
    if (error instanceof CommandError && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** A Vagrant project of small VMs, in a VirtualBox of its own. */
export class VagrantProject {
  private readonly home = new VirtualBoxHome();
  private readonly directory = join(this.home.root, 'project');
  private readonly environment: Readonly<Record<string, string>>;

  /** @param environment with a VBoxManage that reports running VMs; its VirtualBox is not used */
  constructor(
    private readonly count: number,
    environment: Readonly<Record<string, string>>,
    private readonly signal: AbortSignal,
  ) {
    this.environment = {
      ...environment,
      ...this.home.environment,
      HOME: this.home.root,
      VAGRANT_HOME: join(this.home.root, 'vagrant'),
      VAGRANT_CHECKPOINT_DISABLE: '1',
    };
  }

  /** Imports the VMs. */
  async create(): Promise<void> {
    await this.home.makeAppliance();
    await this.home.manage('setproperty', 'machinefolder', join(this.home.root, 'machines'));
    mkdirSync(this.directory);
    writeFileSync(join(this.directory, 'Vagrantfile'), vagrantfile(this.count));
    await this.vagrant('box', 'add', '--name', BOX, await this.makeBox());
    await this.vagrant('up');
  }

  /** Runs the commands by which an operator checks the VMs, and brings them up. */
  async nothingToDo(): Promise<void> {
    const status = await this.vagrant('status');
    const up = await this.vagrant('up');
    const [running, done] = [/ running \(virtualbox\)$/gm, / Machine already provisioned/g];
    for (const [{ stdout }, pattern] of [[status, running] as const, [up, done] as const]) {
      if (stdout.match(pattern)?.length === this.count && !stdout.includes('Importing')) continue;
      throw new Error(`Vagrant had something to do:\n${stdout}`);
    }
  }

  remove(): void {
    this.home.remove();
  }

  /** The appliance as Vagrant packs it: another name for the descriptor, which then has no manifest. */
  private async makeBox(): Promise<string> {
    const [content, box] = [join(this.home.root, 'box'), join(this.home.root, 'tiny.box')];
    mkdirSync(content);
    await run('tar', ['-x', '-f', this.home.appliance, '-C', content], { signal: this.signal });
    for (const name of readdirSync(content)) {
      if (name.endsWith('.mf')) rmSync(join(content, name));
      if (name.endsWith('.ovf')) renameSync(join(content, name), join(content, 'box.ovf'));
    }
    writeFileSync(join(content, 'metadata.json'), JSON.stringify({ provider: 'virtualbox' }));
    await run('tar', ['-c', '-z', '-f', box, '-C', content, '.'], { signal: this.signal });
    return box;
  }

  private vagrant(...args: readonly string[]): Promise<CommandResult> {
    return run('vagrant', args, { cwd: this.directory, env: this.environment, signal: this.signal });
  }
}

/** With everything switched off that would take Vagrant time. */
function vagrantfile(count: number): string {
  return `Vagrant.configure('2') do |config|
  config.vm.box = '${BOX}'
  config.vm.box_check_update = false
  config.vm.synced_folder '.', '/vagrant', disabled: true
  config.ssh.insert_key = false
  (1..${count}).each { |number| config.vm.define "small-#{number}" }
end
`;
}

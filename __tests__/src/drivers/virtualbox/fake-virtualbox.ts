import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CommandError, type Run } from '../../../../src/process/run';

const READING = ['list', 'showvminfo', 'getextradata', '--version'];

/** How `list -l vms` spells what is spelled otherwise in `VMState`. */
const WORDS: Readonly<Record<string, string>> = { poweroff: 'powered off', gurumeditation: 'guru meditation' };

/** Stands in for VBoxManage with one machine: keeps what it is told where the driver looks for it, its settings file. */
export class FakeVirtualBox {
  /** Every argv that is not a question. */
  readonly changes: string[][] = [];
  readonly calls: string[][] = [];
  state = 'poweroff';
  version = '7.2.22_Debianr175245\n';
  /** Answers of `showvminfo` after a command, one each time it is asked; then the last for ever. */
  states: string[] = [];
  /** Called with each command before it is done; what it answers is what VBoxManage prints as its error. */
  fail: (args: readonly string[]) => string | undefined = () => undefined;
  private base: string | undefined;
  private name = '';
  private seed: string | undefined;
  private values = new Map<string, string>();
  private owner = '';

  constructor(private readonly uuid: string) {}

  readonly run: Run = (program, args) => {
    const [command = ''] = args;
    this.calls.push([...args]);
    if (!READING.includes(command)) this.changes.push([...args]);
    const error = this.fail(args);
    if (error !== undefined) {
      return Promise.reject(new CommandError('failed', program, '', error, 1, undefined, false, undefined));
    }
    return Promise.resolve({ stdout: this.answer(args), stderr: '', exitCode: 0 });
  };

  private answer(args: readonly string[]): string {
    const after = (option: string) => args[args.indexOf(option) + 1] ?? '';
    switch (args[0]) {
      case '--version':
        return this.version;
      case 'list':
        if (args.includes('bridgedifs')) {
          return 'Name:            eth0\nWireless:        No\nStatus:          Up\nVBoxNetworkName: HostInterfaceNetworking-eth0\n\n';
        }
        return args.includes('vms') ? this.shown() : '';
      case 'showvminfo':
        this.state = this.states.shift() ?? this.state;
        return `name="${this.name}"\nCfgFile="${this.file()}"\nVMState="${this.state}"\n`;
      case 'import':
        this.base = after('--basefolder');
        this.name = after('--vmname');
        mkdirSync(dirname(this.file()), { recursive: true });
        writeFileSync(join(dirname(this.file()), 'disk.vmdk'), '');
        break;
      case 'setextradata':
        this.owner = args[3] ?? '';
        break;
      case 'modifyvm':
        for (let index = 2; index < args.length; index++) {
          if (args[index]?.startsWith('--') === true) this.values.set(args[index] ?? '', args[index + 1] ?? '');
        }
        break;
      case 'storageattach': {
        const medium = after('--medium');
        this.seed = medium === 'emptydrive' ? undefined : medium;
        break;
      }
      case 'closemedium':
        if (existsSync(args[2] ?? '')) rmSync(args[2] ?? '');
        break;
      case 'unregistervm':
        rmSync(dirname(this.file()), { recursive: true });
        this.base = undefined;
        return '';
    }
    if (this.base !== undefined) writeFileSync(this.file(), this.settings());
    return '';
  }

  private file(): string {
    return join(this.base ?? '', this.name, `${this.name}.vbox`);
  }

  private shown(): string {
    if (this.base === undefined) return '';
    const word = WORDS[this.state] ?? this.state;
    return `Name:            ${this.name}\nUUID:            ${this.uuid}\nConfig file:     ${this.file()}\nState:           ${word} (since now)\n`;
  }

  private settings(): string {
    const value = (key: string) => this.values.get(key) ?? '';
    const disk = '{a046d9dc-1e9a-4d97-8c1e-fb52417ffa66}';
    const iso = '{03453cd2-1cc0-4bd6-a3a3-5a60a1dc0147}';
    const attachment =
      value('--nic1') === 'bridged'
        ? `<BridgedInterface name="${value('--bridge-adapter1')}"/>`
        : '<NAT localhost-reachable="true"/>';
    return `<VirtualBox><Machine uuid="{${this.uuid}}" name="${this.name}">
      <MediaRegistry><HardDisks><HardDisk uuid="${disk}" location="disk.vmdk"/></HardDisks>
      <DVDImages>${this.seed === undefined ? '' : `<Image uuid="${iso}" location="${this.seed}"/>`}</DVDImages></MediaRegistry>
      <ExtraData><ExtraDataItem name="buildfleet/owner" value="${this.owner}"/></ExtraData>
      <Hardware><Memory RAMSize="${value('--memory')}"/><CPU count="${value('--cpus')}"/>
      <Network><Adapter slot="0" enabled="true" type="virtio" MACAddress="${value('--mac-address1')}">${attachment}</Adapter></Network>
      <StorageControllers><StorageController name="SATA Controller" type="AHCI">
      <AttachedDevice type="HardDisk" port="0" device="0"><Image uuid="${disk}"/></AttachedDevice>
      ${this.seed === undefined ? '' : `<AttachedDevice type="DVD" port="1" device="0"><Image uuid="${iso}"/></AttachedDevice>`}
      </StorageController></StorageControllers></Hardware></Machine></VirtualBox>`;
  }
}

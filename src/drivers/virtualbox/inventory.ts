import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { listArguments, showArguments } from './arguments';
import { type VBoxManage, VBoxManageError } from './client';
import { parseLongVmList, parseMachineReadable, parseVmList, type ShownVm } from './output';
import { type MachineSettings, parseSettingsFile } from './settings-file';

/** A registered VM. */
export interface Machine {
  readonly uuid: string;
  /** Null for one whose settings VirtualBox could not read. */
  readonly name: string | null;
  readonly configFile: string;
  /** `VMState`, or `inaccessible`. */
  readonly state: string;
  /** Null when the settings file is missing or cannot be read. */
  readonly settings: MachineSettings | null;
}

/** Milliseconds that an answer stands: Terraform asks for ten VMs at a time, and for the next ten at once. */
const VALIDITY = 1000;

/**
 * All registered VMs, read at once however many are asked for: one `list -l vms` for identity and state, and the
 * settings files, which hold what that list leaves out (the owner tag) or prints in words (everything else).
 */
export class Inventory {
  private pending: Promise<readonly Machine[]> | undefined;
  private readAt = 0;

  constructor(private readonly client: VBoxManage) {}

  /** The registered VMs, as of at most a second ago, and never as of before the last {@link invalidate}. */
  machines(): Promise<readonly Machine[]> {
    if (this.pending && performance.now() - this.readAt < VALIDITY) return this.pending;
    const reading = this.read();
    this.pending = reading;
    this.readAt = Infinity;
    reading.then(
      () => {
        if (this.pending === reading) this.readAt = performance.now();
      },
      () => {
        if (this.pending === reading) this.pending = undefined;
      },
    );
    return reading;
  }

  /** Called before and after every change. */
  invalidate(): void {
    this.pending = undefined;
  }

  private async read(): Promise<readonly Machine[]> {
    const shown = parseLongVmList(await this.client.list(listArguments('machineDetails')));
    const machines = await Promise.all(shown?.map((vm) => this.machine(vm)) ?? (await this.oneByOne()));
    return machines.filter((machine) => machine !== null);
  }

  /** For VirtualBox in another language: the output for programs is the same in all, and has one VM at a time. */
  private async oneByOne(): Promise<Promise<Machine | null>[]> {
    return parseVmList(await this.client.list(listArguments('machines'))).map(({ uuid }) => this.alone(uuid));
  }

  private async machine(shown: ShownVm): Promise<Machine | null> {
    const { uuid, name, configFile } = shown;
    if (name === null) return { uuid, name, configFile, state: 'inaccessible', settings: null };
    const settings = await readSettings(configFile);
    if (shown.state !== null && settings?.uuid === uuid) return { ...shown, state: shown.state, settings };
    return this.alone(uuid);
  }

  /** Asks for one VM whose entry in the list says too little, or whose settings file is gone or another's. */
  private async alone(uuid: string): Promise<Machine | null> {
    try {
      const values = parseMachineReadable(await this.client.run(showArguments(uuid)));
      const [name, configFile, state] = [values.get('name'), values.get('CfgFile'), values.get('VMState')];
      if (name === undefined || configFile === undefined || state === undefined) return null;
      const settings = await readSettings(configFile);
      return { uuid, name, configFile, state, settings: settings?.uuid === uuid ? settings : null };
    } catch (error) {
      if (!(error instanceof VBoxManageError)) throw error;
      if (error.says('VBOX_E_OBJECT_NOT_FOUND')) return null;
      if (error.says('E_ACCESSDENIED'))
        return { uuid, name: null, configFile: '', state: 'inaccessible', settings: null };
      throw error;
    }
  }
}

async function readSettings(configFile: string): Promise<MachineSettings | undefined> {
  try {
    return parseSettingsFile(await readFile(configFile, 'utf8'), dirname(configFile));
  } catch {
    return undefined;
  }
}

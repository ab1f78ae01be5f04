import { existsSync } from 'node:fs';
import { chmod, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from '../../files/lock';
import { FleetError } from '../../model/errors';
import { NAME_PATTERN } from '../../model/names';
import type { FleetPaths } from '../../model/paths';
import type { Run } from '../../process/run';
import {
  attachSeedArguments,
  controlArguments,
  deleteSeedArguments,
  discardStateArguments,
  ejectSeedArguments,
  hardwareArguments,
  listArguments,
  machineFiles,
  type MachineHardware,
  portsArguments,
  SATA_CONTROLLER,
  startArguments,
  tagArguments,
} from './arguments';
import type { DiskOrigin, HypervisorDriver, VmObservation, VmSpec } from '../driver';
import { chooseAdapter } from './adapters';
import { VBoxManage, VBoxManageError } from './client';
import { explainFailure } from './failures';
import { features } from './features';
import { importAppliance, ImportCutOff, importedSettings, requireImage, requireSata } from './import';
import { Inventory, type Machine } from './inventory';
import { hasDisk, holdsSeed, networkOf, observe, ownerOf } from './observation';
import { parseBridgedAdapters } from './output';
import { isSaved, powerOf } from './power';
import { PowerSwitch } from './power-switch';
import { readOwnRecord, readRecord, type VmRecord, writeRecord } from './record';
import { forgetMedia, isBelow, unregister } from './removal';
import { controllerOf, findMachine, isDigestMismatch, notOurs, requireDisk, requireVersion } from './requirements';
import { untilAbandoned } from './settle';
import type { MachineSettings } from './settings-file';

/** Options of {@link VirtualBoxDriver}. */
export interface VirtualBoxDriverOptions {
  readonly paths: FleetPaths;
  readonly run: Run;
  /** Program to call. Default `VBoxManage`. */
  readonly program?: string;
  /** Shared by all fleets of this user: one appliance is imported at a time. Default: the state directory. */
  readonly cacheDirectory?: string;
  /** Milliseconds to wait for another session to let go of a VM. Default 30 s. */
  readonly lockPatience?: number;
}

type Identity = Pick<VmSpec, 'name' | 'uuid' | 'fleet'>;

/** Milliseconds that an abandoned import may take to end. */
const IMPORT_TIMEOUT = 15 * 60_000;

/** VirtualBox 7.2.22 now and then (one import in sixty on a busy machine) sees a wrong digest in a sound appliance. */
const IMPORT_ATTEMPTS = 2;

/**
 * VMs of VirtualBox on this machine, imported from an appliance. In a VM's directory lie `vm.json` (VM, owner and
 * VirtualBox's machine, written before the import), `virtualbox/` (everything that VirtualBox makes),
 * `seed.iso` while there is one and `console.log`. Machines are addressed by VirtualBox's UUID alone, and are ours only
 * if their owner tag names fleet, VM and that UUID.
 */
export class VirtualBoxDriver implements HypervisorDriver {
  readonly features = features;
  private readonly client: VBoxManage;
  private readonly inventory: Inventory;
  private readonly power: PowerSwitch;
  private version: Promise<void> | undefined;

  constructor(private readonly options: VirtualBoxDriverOptions) {
    this.client = new VBoxManage(options);
    this.inventory = new Inventory(this.client);
    this.power = new PowerSwitch(this.client);
  }

  async inspect(name: string): Promise<VmObservation | null> {
    return this.explained({ name }, 'the VM cannot be read', async () => {
      const record = this.record(name);
      const machine = findMachine(name, record, this.files(name).baseFolder, await this.inventory.machines());
      return machine ? observe(name, machine, record, this.files(name).seedPath) : null;
    });
  }

  async list(): Promise<readonly VmObservation[]> {
    return this.explained({ name: 'VirtualBox' }, 'the VMs cannot be listed', async () => {
      const directories = await readdir(this.options.paths.vms).catch(() => []);
      const names = directories.filter((name) => NAME_PATTERN.test(name) && this.record(name));
      const known = await Promise.all(names.map((name) => this.inspect(name)));
      const machines = new Set(names.map((name) => this.record(name)?.machine));
      const others = (await this.inventory.machines()).filter(({ uuid }) => !machines.has(uuid));
      const foreign = others.map((machine) => observe(machine.name ?? machine.uuid, machine, undefined, ''));
      return [...known.filter((vm) => vm !== null), ...foreign];
    });
  }

  async create(spec: VmSpec, signal: AbortSignal): Promise<void> {
    await this.changing(spec, 'the VM cannot be created', async () => {
      await this.requireVersion(signal);
      requireImage(spec.imagePath, spec.name);
      const lock = join(this.options.cacheDirectory ?? this.options.paths.stateDirectory, 'virtualbox-import.lock');
      await withLock(lock, () => this.createAlone(spec, signal), { signal });
    });
  }

  async update(spec: VmSpec, signal: AbortSignal): Promise<void> {
    await this.changing(spec, 'the hardware of the VM cannot be changed', async () => {
      const machine = await this.requireOwned(spec);
      await this.requireOff(machine, spec.name, signal);
      const hardware = await this.hardware(spec, machine.settings, signal);
      await this.client.change(hardwareArguments(machine.uuid, hardware), signal);
      writeRecord(this.directory(spec.name), spec, machine.uuid);
    });
  }

  async attachSeed(spec: VmSpec, isoPath: string, signal: AbortSignal): Promise<void> {
    const { seedPath } = this.files(spec.name);
    await this.changing(spec, 'the seed cannot be attached', async () => {
      const machine = await this.requireOwned(spec);
      await this.requireOff(machine, spec.name, signal);
      signal.throwIfAborted();
      await this.takeSeedOut(machine, seedPath, signal);
      await chmod(isoPath, 0o600);
      await rename(isoPath, seedPath);
      await this.client.change(attachSeedArguments(machine.uuid, controllerOf(machine), seedPath), signal);
    });
  }

  async removeSeed(spec: VmSpec, signal: AbortSignal): Promise<void> {
    const { seedPath } = this.files(spec.name);
    await this.changing(spec, 'the seed cannot be removed', async () => {
      const machine = await this.owned(spec);
      if (machine) await this.takeSeedOut(machine, seedPath, signal);
      await rm(seedPath, { force: true });
    });
  }

  async start(spec: VmSpec, signal: AbortSignal): Promise<void> {
    await this.changing(spec, 'the VM cannot be started', async () => {
      const machine = await this.requireOwned(spec);
      const state = await this.power.settledState(machine, signal);
      const power = powerOf(state);
      if (power === 'running') return;
      if (power === 'paused') {
        await this.client.change(controlArguments(machine.uuid, 'resume'), signal);
        return;
      }
      if (power === 'crashed') await this.power.cutPower(machine, signal);
      requireDisk(machine, spec.name);
      if (!isSaved(state)) await freshConsole(this.consoleLog(spec.name));
      await this.client.change(startArguments(machine.uuid), signal);
    });
  }

  /** A guest that resets goes on running: VirtualBox has no policy for that. */
  async confirmBoot(spec: VmSpec): Promise<void> {
    await this.explained(spec, 'the VM cannot be found', () => this.requireOwned(spec));
  }

  async stop(spec: VmSpec, graceSeconds: number, signal: AbortSignal): Promise<void> {
    await this.changing(spec, 'the VM cannot be stopped', async () => {
      const machine = await this.owned(spec);
      if (machine) await this.power.end(machine, graceSeconds, signal);
    });
  }

  async destroy(spec: Identity, signal: AbortSignal): Promise<void> {
    await this.changing(spec, 'the VM cannot be deleted', async () => {
      const machine = await this.owned(spec);
      await this.remove(spec.name, machine ?? (await this.interrupted(spec.name, signal)), signal);
    });
  }

  consoleLog(name: string): string {
    return this.files(name).consoleLog;
  }

  /** None: an imported VM has a copy of its image. */
  diskOrigins(): Promise<readonly DiskOrigin[]> {
    return Promise.resolve([]);
  }

  private directory(name: string): string {
    return this.options.paths.vm(name);
  }

  private files(name: string) {
    return machineFiles(this.directory(name));
  }

  private record(name: string): VmRecord | undefined {
    return readRecord(this.directory(name));
  }

  private async createAlone(spec: VmSpec, signal: AbortSignal): Promise<void> {
    const { name } = spec;
    // What is not finished may have had any uuid.
    const record = readOwnRecord(this.directory(name), { fleet: spec.fleet });
    const existing = await this.owned(spec, record);
    if (existing && hasDisk(existing) && ownerOf(existing, record)?.image === spec.imageHash) {
      if (record?.machine !== existing.uuid) writeRecord(this.directory(name), spec, existing.uuid);
      return;
    }
    const hardware = await this.hardware(spec, null, signal);
    const half = existing ? undefined : await this.interrupted(name, signal);
    const isSame = record?.uuid === spec.uuid && record.imageHash === spec.imageHash;
    if (half?.settings && isSame && hasDisk(half)) return this.configure(spec, half.settings, hardware, signal);
    // The rest is unusable: an import that failed, a machine without disk or of another image.
    await this.remove(name, existing ?? half, signal);
    for (let attempt = 1; ; attempt += 1) {
      await mkdir(this.directory(name), { recursive: true, mode: 0o700 });
      writeRecord(this.directory(name), spec, null);
      try {
        await this.configure(spec, await this.imported(spec, hardware, signal), hardware, signal);
        return;
      } catch (error) {
        // After a Ctrl-C VBoxSVC may still be at work: the next deploy finishes or clears it.
        if (signal.aborted) throw error;
        await this.remove(name, await this.registeredHere(name), signal).catch(() => {});
        if (!isDigestMismatch(error) || attempt === IMPORT_ATTEMPTS) throw error;
      }
    }
  }

  private async imported(spec: VmSpec, hardware: MachineHardware, signal: AbortSignal): Promise<MachineSettings> {
    const { name, uuid, fleet, imageHash, imagePath } = spec;
    const files = this.files(name);
    const owner = { fleet, vm: uuid, image: imageHash, machine: '' };
    try {
      const machine = { name, imagePath, owner, hardware, controller: SATA_CONTROLLER, ...files };
      await importAppliance(this.client, machine, signal);
    } catch (error) {
      if (!(error instanceof ImportCutOff)) throw error;
      const machine = await this.interrupted(name, signal);
      if (!machine?.settings || !hasDisk(machine)) throw error.cause;
    }
    const settings = importedSettings(files.baseFolder, name);
    if (settings) return settings;
    throw new FleetError({
      code: 'virtualbox-failed',
      problem: 'VirtualBox reported success and made no machine',
      place: name,
      value: files.baseFolder,
      remedy: 'deploy again, and look into VBoxSVC.log if it stays so',
    });
  }

  /** Makes an imported machine the fleet's VM. Steps of an interrupted call are repeated. */
  private async configure(
    spec: VmSpec,
    settings: MachineSettings,
    hardware: MachineHardware,
    signal: AbortSignal,
  ): Promise<void> {
    const { name, fleet, uuid: vm, imageHash: image } = spec;
    const { uuid } = settings;
    const controller = requireSata(settings, spec);
    await this.client.change(tagArguments({ fleet, vm, image, machine: uuid }), signal);
    await this.client.change(hardwareArguments(uuid, hardware), signal);
    await this.client.change(portsArguments(uuid, controller), signal);
    writeRecord(this.directory(name), spec, uuid);
  }

  private async hardware(
    spec: VmSpec,
    settings: MachineSettings | null,
    signal: AbortSignal,
  ): Promise<MachineHardware> {
    const { name, cpus, memoryMib, mac, network } = spec;
    const bridgeAdapter = network === 'bridged' ? await this.adapter(spec, settings, signal) : null;
    return { name, cpus, memoryMib, mac, network, bridgeAdapter, consoleLog: this.consoleLog(name) };
  }

  private async adapter(spec: VmSpec, settings: MachineSettings | null, signal: AbortSignal): Promise<string> {
    const current = networkOf(settings?.adapter);
    // One that was chosen earlier and still serves stays, so that the VM keeps its address.
    if (spec.bridgeAdapter === null && current.network === 'bridged' && current.bridgeAdapter !== null) {
      return current.bridgeAdapter;
    }
    return chooseAdapter(spec, parseBridgedAdapters(await this.client.list(listArguments('bridgeAdapters'), signal)));
  }

  /** Waits for an import whose record was never completed, and finds what it made. */
  private async interrupted(name: string, signal: AbortSignal): Promise<Machine | undefined> {
    const record = this.record(name);
    if (record?.machine === null) {
      const isOver = await untilAbandoned(this.files(name).baseFolder, record.imagePath, IMPORT_TIMEOUT, signal);
      if (!isOver) {
        throw new FleetError({
          code: 'virtualbox-import-unfinished',
          problem: 'an import that an earlier deploy began does not end',
          place: name,
          value: this.files(name).baseFolder,
          remedy: 'find out what VBoxSVC waits for, often a disk that does not answer, then deploy again',
        });
      }
    }
    return this.registeredHere(name);
  }

  /** The machine whose settings lie in the VM's own base folder, tagged or not. */
  private async registeredHere(name: string): Promise<Machine | undefined> {
    this.inventory.invalidate();
    const { baseFolder } = this.files(name);
    return (await this.inventory.machines()).find(({ configFile }) => isBelow(baseFolder, configFile));
  }

  /** The VM's machine, undefined when there is none; refuses another VM's, and one whose record cannot be read. */
  private async owned(
    spec: Identity,
    record: VmRecord | undefined = readOwnRecord(this.directory(spec.name), spec),
  ): Promise<Machine | undefined> {
    this.inventory.invalidate();
    const { baseFolder } = this.files(spec.name);
    const machine = findMachine(spec.name, record, baseFolder, await this.inventory.machines());
    if (!machine) return undefined;
    const owner = ownerOf(machine, record);
    if (owner?.fleet === spec.fleet && owner.vm === spec.uuid) return machine;
    const whose = owner ? `belongs to fleet ${owner.fleet} (uuid ${owner.vm})` : `belongs to no fleet`;
    throw notOurs(spec, `VirtualBox has a VM of this name (${machine.uuid}) that ${whose}`, machine.configFile);
  }

  private async requireOwned(spec: Identity): Promise<Machine> {
    const machine = await this.owned(spec);
    if (machine) return machine;
    throw new FleetError({
      code: 'vm-missing',
      problem: 'the VM does not exist',
      place: this.directory(spec.name),
      remedy: 'deploy again: it is then created',
    });
  }

  /** A saved state is dropped: it could not be resumed with other hardware. */
  private async requireOff(machine: Machine, name: string, signal: AbortSignal): Promise<void> {
    const state = await this.power.settledState(machine, signal);
    if (isSaved(state)) await this.client.change(discardStateArguments(machine.uuid), signal);
    if (powerOf(state) === 'stopped') return;
    throw new FleetError({
      code: 'vm-not-stopped',
      problem: 'hardware can change only while the VM is off',
      place: name,
      value: state,
      remedy: 'stop the VM first',
    });
  }

  private async requireVersion(signal: AbortSignal): Promise<void> {
    this.version ??= requireVersion(this.client, signal);
    this.version.catch(() => (this.version = undefined));
    await this.version;
  }

  /** Takes the seed out of the drive, out of VirtualBox's memory and off the disk. */
  private async takeSeedOut(machine: Machine, seedPath: string, signal: AbortSignal): Promise<void> {
    const isInDrive = holdsSeed(machine.settings, seedPath);
    if (isInDrive) await this.client.change(ejectSeedArguments(machine.uuid, controllerOf(machine)), signal);
    if (!isInDrive && !existsSync(seedPath)) return;
    try {
      await this.client.change(deleteSeedArguments(seedPath), signal);
    } catch (error) {
      // A file that VirtualBox never knew, or one that is gone already.
      if (!(error instanceof VBoxManageError) || error.says('VBOX_E_OBJECT_IN_USE')) throw error;
    }
  }

  /** Deletes a machine, its media and the VM's directory, as far as they exist; the record last. */
  private async remove(name: string, machine: Machine | undefined, signal: AbortSignal): Promise<void> {
    const directory = this.directory(name);
    if (machine) {
      await this.power.end(machine, 0, signal);
      await unregister(this.client, machine, signal);
    }
    if (!existsSync(directory)) return;
    await forgetMedia(this.client, directory, signal);
    for (const entry of await readdir(directory)) {
      if (entry !== 'vm.json') await rm(join(directory, entry), { recursive: true, force: true });
    }
    await rm(directory, { recursive: true, force: true });
  }

  /** Answers that were read before a change must not be given after it. */
  private async changing<T>(spec: Identity, what: string, body: () => Promise<T>): Promise<T> {
    this.inventory.invalidate();
    try {
      return await this.explained(spec, what, body);
    } finally {
      this.inventory.invalidate();
    }
  }

  private async explained<T>(spec: Pick<VmSpec, 'name'>, what: string, body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      throw explainFailure(error, what, spec.name);
    }
  }
}

/** Each start has a log of its own and the one before is kept, so that logs do not grow with every start. */
async function freshConsole(log: string): Promise<void> {
  if (existsSync(log)) await rename(log, log.replace(/console\.log$/, 'console.previous.log'));
  await (await open(log, 'w', 0o600)).close();
}

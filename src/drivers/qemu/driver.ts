import { existsSync, readFileSync } from 'node:fs';
import { chmod, open, readdir, realpath, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectories } from '../../files/directories';
import { FleetError } from '../../model/errors';
import { NAME_PATTERN } from '../../model/names';
import type { FleetPaths } from '../../model/paths';
import { startDetached } from '../../process/detached';
import { isRunning, signalProcess, waitForEnd } from '../../process/process-identity';
import { reportStep } from '../../process/progress';
import type { Run } from '../../process/run';
import { QEMU_FILES, qemuArguments, SEED_DRIVE, SEED_NODE } from './arguments';
import type {
  DiskOrigin,
  HypervisorDriver,
  PowerState,
  VmObservation,
  VmSpec,
  WarmStart,
  WarmStartSubject,
} from '../driver';
import type { Accelerator } from './accelerator';
import { canonicalDisk, createDiscovery, DISK_FILE, PID_FILE, type QemuProcess } from './discovery';
import { diskOrigins } from './disk-origins';
import { explainFailure, explainText, withoutRemarks } from './failures';
import { features } from './features';
import { copyLayer, createOverlay, imageFingerprint, moveBackingFile, requireImage } from './overlay';
import { type QmpConnection, QmpError, QmpUnavailableError, withQmp } from './qmp';
import { readOwnRecord, readRecord, RECORD_FILE, type VmRecord, writeRecord } from './record';
import { giveIdentity } from './snapshot/identity-port';
import { makeSnapshot } from './snapshot/make-snapshot';
import { findSnapshot, hasSnapshots, type Snapshot, type SnapshotSubject } from './snapshot/snapshot';
import { loadState } from './snapshot/transfer';
import { inIsolatedNetwork, isConnected, type IsolatedNetwork, RESOLV_CONF } from './user-network';
import { workstationNetwork } from './workstation-network';

const SEED_FILE = 'seed.iso';
const OUTPUT_FILE = 'qemu.log';
const RESOLV_FILE = 'resolv.conf';
const PREVIOUS_CONSOLE = 'console.previous.log';

/** Options of {@link QemuDriver}. */
export interface QemuDriverOptions {
  readonly paths: FleetPaths;
  readonly run: Run;
  /** Asked before each start. `imagePath` is a disk that a proof may boot without changing it. */
  readonly accelerator: (imagePath: string, signal: AbortSignal) => Promise<Accelerator>;
  /** Program to start. Default `qemu-system-x86_64`. */
  readonly program?: string;
  /** Starts every VM halted, for measurements and tests that need no guest. Default false. */
  readonly startHalted?: boolean;
  /** Seconds that a guest without its network has to power off before it is started again. Default 30. */
  readonly cutOffGraceSeconds?: number;
}

/** Milliseconds that QEMU has to answer: it answers in one, unless the machine is overloaded. */
const QMP_TIMEOUT = 10_000;

/** Milliseconds from the start of the program to its control socket. */
const START_TIMEOUT = 30_000;

/** Milliseconds that QEMU has to end once told to, before it is killed. */
const QUIT_TIMEOUT = 5_000;

const CUT_OFF_GRACE = 30;

/** Milliseconds that a resumed guest has to take its identity: a second or two, unless the machine is overloaded. */
const IDENTITY_TIMEOUT = 60_000;

/**
 * VMs as QEMU processes on this machine. Everything of one VM lies in its directory: `vm.json` (VM and owner,
 * written first), `disk.qcow2`, `seed.iso` while there is one, `console.log` of this start and `console.previous.log` of
 * the one before, `qemu.log` (what QEMU itself printed), `qmp.sock`, `qemu.pid` and `resolv.conf` (the name server of its
 * namespace, where the workstation's is its own). A process is recognised by its argv,
 * which names VM, fleet and disk; pid files are hints only.
 */
export class QemuDriver implements HypervisorDriver {
  readonly features = features;
  readonly warmStart: WarmStart = {
    isPrepared: async (subject, signal) => (await this.findSnapshot(subject, signal)) !== undefined,
    prepare: async (subject, signal) => {
      requireImage(subject.imagePath);
      return makeSnapshot({ subject: await this.snapshotSubject(subject, signal), run: this.options.run, signal });
    },
  };
  private readonly discovery = createDiscovery();
  /** Asked once. */
  private version: ReturnType<Run> | undefined;

  constructor(private readonly options: QemuDriverOptions) {}

  async inspect(name: string): Promise<VmObservation | null> {
    const directory = this.directory(name);
    const record = readRecord(directory);
    if (!record || !existsSync(join(directory, DISK_FILE))) return null;
    const running = await this.discovery.find(directory);
    const { power, detail } = running ? await this.powerOf(directory, running) : STOPPED;
    const { cpus, memoryMib, mac } = power === 'stopped' || !running ? record : running.machine;
    const seedAttached = existsSync(join(directory, SEED_FILE));
    const { uuid, fleet, imagePath } = record;
    const imageHash = recordedImage(record);
    const network = { network: 'nat', bridgeAdapter: null } as const;
    return { name, uuid, fleet, imageHash, imagePath, cpus, memoryMib, mac, ...network, power, detail, seedAttached };
  }

  async list(): Promise<readonly VmObservation[]> {
    const names = await readdir(this.options.paths.vm('.')).catch(() => []);
    const found = await Promise.all(names.filter((name) => NAME_PATTERN.test(name)).map((name) => this.inspect(name)));
    return found.filter((vm) => vm !== null);
  }

  async create(spec: VmSpec, signal: AbortSignal): Promise<void> {
    const directory = this.directory(spec.name);
    await this.explained(spec, 'the VM cannot be created', async () => {
      const isFinished = existsSync(join(directory, DISK_FILE));
      // Without a disk there is nothing of value, for any uuid.
      const existing = readOwnRecord(directory, isFinished ? spec : { fleet: spec.fleet });
      const fingerprint = requireImage(spec.imagePath);
      const isOnImage = existing?.imageHash === spec.imageHash && existing.imageFingerprint === fingerprint;
      if (isFinished && isOnImage) return;
      // The rest is unusable: a disk that was never finished or lies on another image.
      await this.end(directory, 0, signal);
      await this.removeFiles(directory);
      try {
        makeDirectories(directory, 0o700);
        const snapshot = spec.isWarm ? await this.findSnapshot(spec, signal) : undefined;
        writeRecord(directory, spec, fingerprint, snapshot && 'unused');
        const disk = join(directory, DISK_FILE);
        if (snapshot) await copyLayer(this.options.run, snapshot.diskPath, spec.imagePath, disk, signal);
        else await createOverlay(this.options.run, spec.imagePath, disk, signal);
      } catch (error) {
        await this.removeFiles(directory).catch(() => {});
        throw error;
      }
    });
  }

  async update(spec: VmSpec, signal: AbortSignal): Promise<void> {
    const directory = this.directory(spec.name);
    await this.explained(spec, 'the hardware of the VM cannot be changed', async () => {
      const record = this.requireOwned(spec);
      if (await this.discovery.find(directory)) {
        throw new FleetError({
          code: 'vm-not-stopped',
          problem: 'hardware can change only while the VM is off',
          place: spec.name,
          remedy: 'stop the VM first',
        });
      }
      if (record.imagePath !== spec.imagePath) {
        requireImage(spec.imagePath);
        await moveBackingFile(this.options.run, spec.imagePath, join(directory, DISK_FILE), signal);
      }
      writeRecord(directory, spec, record.imageFingerprint);
    });
  }

  async attachSeed(spec: VmSpec, isoPath: string, signal: AbortSignal): Promise<void> {
    await this.explained(spec, 'the seed cannot be attached', async () => {
      this.requireOwned(spec);
      signal.throwIfAborted();
      await chmod(isoPath, 0o600);
      await rename(isoPath, join(this.directory(spec.name), SEED_FILE));
    });
  }

  async removeSeed(spec: VmSpec, signal: AbortSignal): Promise<void> {
    const directory = this.directory(spec.name);
    await this.explained(spec, 'the seed cannot be removed', async () => {
      if (!this.owned(spec)) return;
      const running = await this.discovery.find(directory);
      if (running?.machine.seedPath !== undefined) await this.qmp(directory, signal, ejectSeed);
      await rm(join(directory, SEED_FILE), { force: true });
    });
  }

  async start(spec: VmSpec, signal: AbortSignal): Promise<void> {
    const directory = this.directory(spec.name);
    await this.explained(spec, 'the VM cannot be started', async () => {
      const record = this.requireOwned(spec);
      const running = await this.discovery.find(directory);
      if (running) {
        const { power, isCutOff = false } = await this.powerOf(directory, running);
        const isUnfinished = record.snapshot !== undefined;
        if (power === 'running' && !isUnfinished) return;
        if (power === 'paused' && !isUnfinished) return this.resume(directory, signal);
        await this.end(directory, isCutOff ? (this.options.cutOffGraceSeconds ?? CUT_OFF_GRACE) : 0, signal);
      }
      this.requireSameImage(record);
      const accelerator = await this.options.accelerator(record.imagePath, signal);
      const vm = { ...record, ...networkOf(spec), accelerator };
      if (record.snapshot === 'unused' && (await this.startWarm(directory, vm, signal))) return;
      if (record.snapshot !== undefined) writeRecord(directory, record, record.imageFingerprint);
      await this.launch(directory, vm, signal);
    });
  }

  /**
   * Resumes a VM from the snapshot that its disk was made for, and gives it its identity. Its disk is
   * kept in any case: with its seed, it can be started cold.
   *
   * @returns whether it runs; if not, the reason is in the journal
   */
  private async startWarm(directory: string, vm: StartedVm, signal: AbortSignal): Promise<boolean> {
    const snapshot = findSnapshot(await this.snapshotSubject(vm, signal));
    const isReady = !('missing' in snapshot) && existsSync(join(directory, SEED_FILE));
    if (!isReady) {
      reportStep('starting the VM cold', 'missing' in snapshot ? snapshot.missing : 'it has no seed');
      return false;
    }
    writeRecord(directory, vm, vm.imageFingerprint, 'resuming');
    try {
      reportStep('resuming the VM from a snapshot');
      await this.launch(directory, vm, signal, snapshot);
      await this.qmp(directory, signal, (qmp) => loadState(qmp, directory, snapshot.statePath, signal));
      await giveIdentity(directory, vm, IDENTITY_TIMEOUT, signal);
    } catch (error) {
      signal.throwIfAborted();
      await this.end(directory, 0, signal);
      reportStep('starting the VM cold', error instanceof Error ? error.message : String(error));
      return false;
    }
    writeRecord(directory, vm, vm.imageFingerprint);
    return true;
  }

  /** The snapshot that a VM can be resumed from, if there is one. */
  private async findSnapshot(subject: WarmStartSubject, signal: AbortSignal): Promise<Snapshot | undefined> {
    if (!hasSnapshots(subject.imagePath)) return undefined;
    const found = findSnapshot(await this.snapshotSubject(subject, signal));
    return 'missing' in found ? undefined : found;
  }

  private async snapshotSubject(spec: WarmStartSubject, signal: AbortSignal): Promise<SnapshotSubject> {
    const { imagePath, imageHash, cpus, memoryMib } = spec;
    const accelerator = await this.options.accelerator(imagePath, signal);
    this.version ??= this.options.run(this.options.program ?? 'qemu-system-x86_64', ['--version'], { signal });
    const qemuVersion = (await this.version).stdout.split('\n')[0] ?? '';
    // An image that several links lead to has one snapshot.
    return { imagePath: await realpath(imagePath), imageHash, cpus, memoryMib, accelerator, qemuVersion };
  }

  async confirmBoot(spec: VmSpec, signal: AbortSignal): Promise<void> {
    const directory = this.directory(spec.name);
    await this.explained(spec, 'the VM cannot be allowed to reboot', async () => {
      this.requireOwned(spec);
      await this.qmp(directory, signal, (qmp) => qmp.execute('set-action', { reboot: 'reset' }));
    });
  }

  async stop(spec: VmSpec, graceSeconds: number, signal: AbortSignal): Promise<void> {
    await this.explained(spec, 'the VM cannot be stopped', async () => {
      if (this.owned(spec)) await this.end(this.directory(spec.name), graceSeconds, signal);
    });
  }

  async destroy(spec: Pick<VmSpec, 'name' | 'uuid' | 'fleet'>, signal: AbortSignal): Promise<void> {
    const directory = this.directory(spec.name);
    await this.explained(spec, 'the VM cannot be deleted', async () => {
      this.owned(spec);
      await this.end(directory, 0, signal);
      await this.removeFiles(directory);
    });
  }

  consoleLog(name: string): string {
    return join(this.directory(name), QEMU_FILES.console);
  }

  diskOrigins(signal: AbortSignal): Promise<readonly DiskOrigin[]> {
    return diskOrigins(this.options.paths, this.options.run, signal);
  }

  private directory(name: string): string {
    return this.options.paths.vm(name);
  }

  /** The VM's record, undefined when there is none; refuses another VM's, and one that cannot be read. */
  private owned(spec: Pick<VmSpec, 'name' | 'uuid' | 'fleet'>): VmRecord | undefined {
    return readOwnRecord(this.directory(spec.name), spec);
  }

  private requireOwned(spec: VmSpec): VmRecord {
    const record = this.owned(spec);
    if (record && existsSync(join(this.directory(spec.name), DISK_FILE))) return record;
    throw new FleetError({
      code: 'vm-missing',
      problem: 'the VM does not exist',
      place: this.directory(spec.name),
      remedy: 'deploy again: it is then created',
    });
  }

  private requireSameImage(record: VmRecord): void {
    if (requireImage(record.imagePath) === record.imageFingerprint) return;
    throw new FleetError({
      code: 'image-changed',
      problem: "the image is no longer the one that the VM's disk was made on",
      place: record.name,
      value: record.imagePath,
      remedy: 'deploy again: the VM is then replaced',
      attribute: 'imagePath',
    });
  }

  private async powerOf(
    directory: string,
    running: QemuProcess,
  ): Promise<{ power: PowerState; detail?: string; isCutOff?: boolean }> {
    try {
      const answer = await withQmp(directory, QEMU_FILES.control, { timeoutMs: QMP_TIMEOUT }, (qmp) =>
        qmp.execute('query-status'),
      );
      const status = String((answer as { status?: unknown }).status);
      const power = powerOfStatus(status);
      const isCutOff = running.machine.userNetwork === 'isolated' && isConnected(running.pid) === false;
      if (power === 'running' && isCutOff) return { power: 'crashed', detail: 'its pasta has ended', isCutOff };
      return { power, detail: `qemu status ${status}` };
    } catch (error) {
      if (!(error instanceof QmpUnavailableError)) throw error;
      return isRunning(running)
        ? { power: 'crashed', detail: `the control socket is dead: ${error.message}` }
        : STOPPED;
    }
  }

  private async launch(directory: string, vm: StartedVm, signal: AbortSignal, snapshot?: Snapshot): Promise<void> {
    signal.throwIfAborted();
    const { name, uuid, fleet, cpus, memoryMib, mac, accelerator, userNetwork, relayPort } = vm;
    const seed = join(directory, SEED_FILE);
    const diskPath = canonicalDisk(directory);
    const seedPath = existsSync(seed) ? diskPath.replace(/[^/]+$/, SEED_FILE) : undefined;
    const { startHalted = false, program = 'qemu-system-x86_64' } = this.options;
    const machine = {
      name,
      uuid,
      fleet,
      diskPath,
      seedPath,
      cpus,
      memoryMib,
      mac,
      accelerator,
      userNetwork,
      startHalted,
      ...(snapshot && { snapshot: { role: 'resumed', memoryPath: snapshot.memoryPath } as const }),
    };
    for (const socket of SOCKETS) await rm(join(directory, socket), { force: true });
    await rm(join(directory, PID_FILE), { force: true });
    await freshConsole(directory);
    const outputPath = join(directory, OUTPUT_FILE);
    const command = [program, ...qemuArguments(machine)];
    const [file = program, ...args] =
      userNetwork === 'open' ? command : inIsolatedNetwork(await this.network(directory, relayPort), command);
    const child = await startDetached(file, args, { cwd: directory, outputPath });
    const end = { isOver: false };
    void child.ended.then(() => (end.isOver = true));
    const deadline = Date.now() + START_TIMEOUT;
    for (;;) {
      try {
        await this.qmp(directory, signal, (qmp) => qmp.execute('query-status'));
        await this.writePid(directory);
        return;
      } catch (error) {
        if (!(error instanceof QmpUnavailableError)) throw error;
      }
      if (!end.isOver && Date.now() > deadline) child.killGroup();
      // Until the socket is there, the end of the process is the only event to wait for.
      await Promise.race([child.ended, waitForEnd(child.identity, 50, signal)]);
      if (!end.isOver) continue;
      // A pasta that gives up leaves the process that waits for its namespace.
      child.killGroup();
      throw explainText(withoutRemarks(readFileSync(outputPath, 'utf8')), 'the VM cannot be started', name);
    }
  }

  private async network(directory: string, relayPort: number): Promise<IsolatedNetwork> {
    const network = workstationNetwork();
    const resolvConf = canonicalDisk(directory).replace(/[^/]+$/, RESOLV_FILE);
    if (network.hasOwnResolver) await writeFile(resolvConf, RESOLV_CONF, { mode: 0o644 });
    return { ...network, relayPort, resolvConf, isRoot: process.getuid?.() === 0 };
  }

  /** A hint for {@link QemuDiscovery}, which does without it. */
  private async writePid(directory: string): Promise<void> {
    const running = await this.discovery.find(directory);
    if (running) await writeFile(join(directory, PID_FILE), `${running.pid}\n`, { mode: 0o600 });
  }

  private async resume(directory: string, signal: AbortSignal): Promise<void> {
    await this.qmp(directory, signal, (qmp) => qmp.execute('cont'));
  }

  private qmp<T>(directory: string, signal: AbortSignal, body: (qmp: QmpConnection) => Promise<T>): Promise<T> {
    return withQmp(directory, QEMU_FILES.control, { timeoutMs: QMP_TIMEOUT, signal }, body);
  }

  /** Ends the VM's process: asks the guest, then QEMU, then the kernel. */
  private async end(directory: string, graceSeconds: number, signal: AbortSignal): Promise<void> {
    const running = await this.discovery.find(directory);
    if (!running) return;
    if (graceSeconds > 0 && (await this.asked(directory, signal, askGuest))) {
      if (await waitForEnd(running, graceSeconds * 1000, signal)) return;
    }
    if (await this.asked(directory, signal, (qmp) => qmp.execute('quit'))) {
      if (await waitForEnd(running, QUIT_TIMEOUT, signal)) return;
    }
    signalProcess(running, 'SIGKILL');
    if (await waitForEnd(running, QUIT_TIMEOUT, signal)) return;
    throw new FleetError({
      code: 'qemu-does-not-end',
      problem: `the QEMU process ${running.pid} of the VM does not end`,
      place: directory,
      remedy: 'find out what it waits for (`ps -o stat,wchan`), often a disk that does not answer',
    });
  }

  /** Whether QEMU took the request; one that hangs up in the middle of it has obeyed. */
  private async asked(directory: string, signal: AbortSignal, request: (qmp: QmpConnection) => Promise<unknown>) {
    try {
      await this.qmp(directory, signal, request);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof QmpUnavailableError) return error.message === 'qemu hung up';
      if (error instanceof QmpError) return false;
      throw error;
    }
  }

  /** Deletes the files of a VM, its record last, so that an interrupted deletion is recognised. */
  private async removeFiles(directory: string): Promise<void> {
    const entries = await readdir(directory).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
    if (entries === undefined) return;
    for (const entry of entries) {
      if (entry !== RECORD_FILE) await rm(join(directory, entry), { recursive: true, force: true });
    }
    await rm(join(directory, RECORD_FILE), { force: true });
    await rmdir(directory);
  }

  private async explained<T>(spec: Pick<VmSpec, 'name'>, what: string, body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      throw explainFailure(error, what, spec.name);
    }
  }
}

/** What QEMU makes at each start. */
const SOCKETS = [QEMU_FILES.control, QEMU_FILES.identity, QEMU_FILES.incoming] as const;

/** What a start needs to know. */
type StartedVm = VmRecord & { readonly accelerator: Accelerator } & Pick<VmSpec, 'userNetwork' | 'relayPort'>;

const STOPPED = { power: 'stopped', detail: 'no process' } as const;

function networkOf({ userNetwork, relayPort }: VmSpec): Pick<VmSpec, 'userNetwork' | 'relayPort'> {
  return { userNetwork, relayPort };
}

/** Null when the image is another one now: the disk then cannot be used any longer. A missing one may come back. */
function recordedImage(record: VmRecord): string | null {
  const fingerprint = imageFingerprint(record.imagePath);
  return fingerprint === undefined || fingerprint === record.imageFingerprint ? record.imageHash : null;
}

/** QEMU's `RunState`; `prelaunch` is a machine that was started halted, `inmigrate` one that was never resumed. */
function powerOfStatus(status: string): PowerState {
  if (['paused', 'prelaunch', 'suspended', 'io-error', 'debug', 'watchdog'].includes(status)) return 'paused';
  if (['guest-panicked', 'internal-error', 'inmigrate'].includes(status)) return 'crashed';
  return status === 'shutdown' ? 'stopped' : 'running';
}

async function askGuest(qmp: QmpConnection): Promise<void> {
  const { status } = (await qmp.execute('query-status')) as { status?: string };
  if (status !== 'running') await qmp.execute('cont');
  await qmp.execute('system_powerdown');
}

/** Succeeds when the CD is out already, or when there was none at this start. */
async function ejectSeed(qmp: QmpConnection): Promise<void> {
  const tolerate = (error: unknown) => {
    if (
      !(error instanceof QmpError) ||
      !/DeviceNotFound|not found|Failed to find node/i.test(`${error.errorClass} ${error.message}`)
    ) {
      throw error;
    }
  };
  await qmp.execute('eject', { id: SEED_DRIVE, force: true }).catch(tolerate);
  await qmp.execute('blockdev-del', { 'node-name': SEED_NODE }).catch(tolerate);
}

/** Each start has a log of its own and the one before is kept, so that logs do not grow with every start. */
async function freshConsole(directory: string): Promise<void> {
  const log = join(directory, QEMU_FILES.console);
  if (existsSync(log)) await rename(log, join(directory, PREVIOUS_CONSOLE));
  await (await open(log, 'w', 0o600)).close();
}

import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FleetPaths } from '../../src/model/paths';
import { CommandError, run, type Run } from '../../src/process/run';
import type { VmSpec } from '../../src/drivers/driver';
import { foundNoServer, VBoxManage } from '../../src/drivers/virtualbox/client';
import { VirtualBoxDriver, type VirtualBoxDriverOptions } from '../../src/drivers/virtualbox/driver';
import { SATA_CONTROLLER } from '../../src/drivers/virtualbox/arguments';

/** A VBoxManage that works as on a machine with VirtualBox, made by scripts/virtualbox-chroot.sh. */
export const VBOXMANAGE = join(__dirname, '../../.cache/virtualbox/VBoxManage');

/** A `describe` for tests that call it; without it they are skipped by name, and fail in CI. */
export function describeWithVirtualBox(name: string, tests: () => void): void {
  if (existsSync(VBOXMANAGE)) {
    describe(name, tests);
  } else if (process.env['CI'] === 'true') {
    test(`${name}: needs VirtualBox`, () => {
      throw new Error('missing in CI: scripts/virtualbox-chroot.sh makes it');
    });
  } else {
    test.skip(`${name} (skipped: scripts/virtualbox-chroot.sh was not run)`, () => {});
  }
}

/**
 * The same for tests that share one home.
 *
 * @param applianceMib size of the disk in the home's appliance; with 0 there is no appliance
 */
export function describeInVirtualBoxHome(
  name: string,
  applianceMib: number,
  tests: (home: VirtualBoxHome) => void,
): void {
  describeWithVirtualBox(name, () => {
    const home = new VirtualBoxHome();
    if (applianceMib > 0) beforeAll(() => home.makeAppliance(applianceMib), 240_000);
    afterAll(() => {
      home.remove();
    });
    tests(home);
  });
}

/** A VirtualBox of its own: settings, VBoxSVC and files of one suite, which no other sees. */
export class VirtualBoxHome {
  readonly root = mkdtempSync(join(tmpdir(), 'buildfleet-vbox-'));
  readonly paths = new FleetPaths(join(this.root, 'state'));
  /** Made by {@link makeAppliance}. */
  readonly appliance = join(this.root, 'appliance.ova');
  /** Every argv that a driver of this home ran and VBoxSVC heard of, without the program. */
  readonly calls: string[][] = [];
  readonly environment: Readonly<Record<string, string>>;
  private readonly socketId = basename(this.root);
  private specs = 0;

  constructor() {
    const home = join(this.root, 'home');
    mkdirSync(home);
    this.environment = { VBOX_USER_HOME: home, VBOX_IPC_SOCKETID: this.socketId };
  }

  private readonly inThisHome: Run = (file, args, options) =>
    run(file, args, { ...options, env: { ...options?.env, ...this.environment } });

  /** Runs programs in this home, and remembers what was asked of VBoxManage. */
  readonly run: Run = async (file, args, options) => {
    const call = [...args];
    if (file === VBOXMANAGE) this.calls.push(call);
    try {
      return await this.inThisHome(file, args, options);
    } catch (error) {
      const isUnheard = error instanceof CommandError && foundNoServer(error.stderr);
      if (isUnheard && this.calls.includes(call)) this.calls.splice(this.calls.indexOf(call), 1);
      throw error;
    }
  };

  driver(options: Partial<VirtualBoxDriverOptions> = {}): VirtualBoxDriver {
    return new VirtualBoxDriver({ paths: this.paths, run: this.run, program: VBOXMANAGE, ...options });
  }

  /** What a person at the host would type. */
  async manage(...args: readonly string[]): Promise<string> {
    return new VBoxManage({ run: this.inThisHome, program: VBOXMANAGE }).run(args);
  }

  /** A VM of no one's, registered with its files in a directory of its own. @returns its UUID */
  async makeForeign(name: string): Promise<string> {
    const said = await this.manage(
      ...['createvm', '--name', name, '--ostype', 'Debian_64', '--register'],
      ...['--basefolder', join(this.root, 'foreign')],
    );
    return /^UUID: (\S+)/m.exec(said)?.[1] ?? '';
  }

  /** An appliance with one SATA disk of random bytes, which take time to unpack and cannot be made smaller. */
  async makeAppliance(mib = 1, path = this.appliance): Promise<void> {
    const folder = join(this.root, 'source');
    const [raw, disk] = [join(folder, 'disk.raw'), join(folder, 'disk.vmdk')];
    const controller = SATA_CONTROLLER;
    mkdirSync(folder);
    writeFileSync(raw, randomBytes(mib * 1024 * 1024));
    await this.manage('createvm', '--name', 'source', '--ostype', 'Debian_64', '--register', '--basefolder', folder);
    await this.manage('storagectl', 'source', '--name', controller, '--add', 'sata', '--portcount', '1');
    await this.manage('convertfromraw', raw, disk, '--format', 'VMDK');
    const place = ['--storagectl', controller, '--port', '0', '--device', '0', '--type', 'hdd', '--medium', disk];
    await this.manage('storageattach', 'source', ...place);
    await this.manage('export', 'source', '-o', path, '--manifest');
    await this.manage('unregistervm', 'source', '--delete');
    rmSync(folder, { recursive: true });
  }

  spec(changes: Partial<VmSpec> = {}): VmSpec {
    const number = (this.specs += 1).toString(16).padStart(2, '0');
    return {
      name: `vm-${number}`,
      uuid: `5bd7a3f0-0000-5000-8000-0000000000${number}`,
      ...{ fleet: 'laptops', imagePath: this.appliance, imageHash: 'hash', cpus: 1, memoryMib: 128 },
      ...{ mac: `52:54:00:00:00:${number}`, network: 'nat', bridgeAdapter: null },
      ...{ userNetwork: 'isolated', relayPort: 12220, isWarm: false, ...changes },
    };
  }

  /** What VirtualBox shows of a VM that was made as asked: not what it has no say in. */
  shown(vm: VmSpec): Record<string, unknown> {
    const others = ['userNetwork', 'relayPort', 'isWarm'];
    return Object.fromEntries(Object.entries(vm).filter(([name]) => !others.includes(name)));
  }

  /** A file that can be given away as a seed. */
  seed(name: string): string {
    mkdirSync(this.paths.vm(name), { recursive: true });
    const path = join(this.paths.vm(name), 'seed.new.iso');
    writeFileSync(path, Buffer.alloc(376832), { mode: 0o644 });
    return path;
  }

  /** Ends VBoxSVC and forgets everything. */
  remove(): void {
    this.endService();
    rmSync(this.root, { recursive: true, force: true });
    // Where VBoxSVC listens, which is in no home.
    rmSync(join(tmpdir(), `.vbox-${this.socketId}-ipc`), { recursive: true, force: true });
  }

  /** VBoxSVC forgets what it has not written; the next call starts another. */
  endService(): void {
    for (const pid of this.services()) process.kill(pid);
    while (this.services().length > 0) execFileSync('sleep', ['0.05']);
  }

  /** Processes of VBoxSVC. */
  services(): number[] {
    return this.processes(([program = '']) => program.endsWith('/VBoxSVC'));
  }

  /** Processes of VBoxManage that run this command. */
  clients(command: string): number[] {
    return this.processes(([program = '', first]) => program.endsWith('/VBoxManage') && first === command);
  }

  /**
   * Another session that holds the lock of a machine until it is released: a VBoxManage that was stopped in the middle
   * of a change.
   */
  async holdLock(machine: string): Promise<{ release(): void }> {
    let milliseconds = 100;
    for (let attempt = 0; attempt < 120; attempt++) {
      const begin = performance.now();
      const holder = spawn(VBOXMANAGE, ['modifyvm', machine, '--vram', '16'], {
        env: { ...process.env, ...this.environment },
        stdio: 'ignore',
      });
      const ended = once(holder, 'exit');
      // Somewhere between its start and its end it has the lock: steps of the golden ratio leave no gap for long.
      await pause(((attempt * 0.618) % 1) * milliseconds);
      const pids = this.clients('modifyvm');
      for (const pid of pids) signal(pid, 'SIGSTOP');
      const release = () => {
        for (const pid of pids) signal(pid, 'SIGCONT');
      };
      if (pids.length > 0 && (await this.isLocked(machine)) && (await this.isLocked(machine))) return { release };
      release();
      await ended;
      // One that was never stopped tells how long it takes at the moment.
      if (pids.length === 0) milliseconds = Math.max(100, performance.now() - begin);
    }
    throw new Error('no VBoxManage could be stopped while it held the lock');
  }

  private async isLocked(machine: string): Promise<boolean> {
    const probe = run(VBOXMANAGE, ['modifyvm', machine, '--vram', '16'], { env: this.environment });
    return probe.then(
      () => false,
      (error: unknown) => String(error).includes('VBOX_E_INVALID_OBJECT_STATE'),
    );
  }

  /** Processes of this home, told apart by the socket that they were given. */
  private processes(isWanted: (argv: readonly string[]) => boolean): number[] {
    const own = `VBOX_IPC_SOCKETID=${this.socketId}`;
    return readdirSync('/proc').flatMap((pid) => {
      try {
        if (!isWanted(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'))) return [];
        return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(own) ? [Number(pid)] : [];
      } catch {
        return [];
      }
    });
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // ended meanwhile
  }
}

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { withQmp } from '../../../src/drivers/qemu/qmp';
import { run } from '../../../src/process/run';
import { TRAPPED } from '../../../src/provider/resources/vm/boot';
import { until } from '../../support/until';

/** Name of QEMU's control socket. */
const QMP = 'qmp';

/** A file that a seed brings. */
export interface SeedFile {
  readonly path: string;
  readonly permissions: string;
  readonly content: string;
}

export interface BootOptions {
  /** NoCloud seed, attached as a CD. */
  readonly seed?: string;
  /** How disk and CD are attached: as QEMU's driver does it, or as VirtualBox does. */
  readonly bus?: 'virtio' | 'ahci';
  /** Whether it may reach others, as a VM behind NAT does. Default: no network. */
  readonly network?: boolean;
}

/** A machine with a disk of its own on top of an image, run by bare QEMU under emulation. */
export class Machine {
  private qemu: ChildProcess | undefined;
  private port = 0;
  private readonly disk: string;

  /** @param directory for the overlay, the serial log and keys; made when absent */
  constructor(
    private readonly directory: string,
    image: string,
  ) {
    mkdirSync(directory, { recursive: true });
    this.disk = join(directory, 'disk.qcow2');
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', image, this.disk]);
  }

  /** Starts it and waits until sshd says something. @returns the banner */
  async boot(options: BootOptions = {}): Promise<string> {
    // What is tested here is the disk, and not the emulator: a deploy, too, starts such a machine again.
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.bootOnce(options);
      } catch (error) {
        if (attempt === 3 || !TRAPPED.test(this.serial())) throw error;
      }
    }
  }

  private async bootOnce({ seed, bus = 'virtio', network = false }: BootOptions): Promise<string> {
    this.port = await freePort();
    writeFileSync(this.serialLog, '');
    // One processor, as suites run side by side: see withOneCpu.
    this.qemu = spawn(
      'qemu-system-x86_64',
      [
        ...['-machine', 'q35', '-accel', 'tcg', '-cpu', 'qemu64,-cx16', '-smp', '1', '-m', '1024', '-nodefaults'],
        ...['-qmp', `unix:${join(this.directory, QMP)},server=on,wait=off`],
        ...['-display', 'none', '-no-reboot', '-serial', `file:${this.serialLog}`, '-device', 'virtio-rng-pci'],
        ...[
          '-netdev',
          `user,id=n,restrict=${network ? 'off' : 'on'},hostfwd=tcp:127.0.0.1:${this.port}-:22`,
          '-device',
          'virtio-net-pci,netdev=n',
        ],
        ...['-drive', `file=${this.disk},format=qcow2,if=none,id=disk,cache=unsafe`],
        ...['-device', bus === 'virtio' ? 'virtio-blk-pci,drive=disk' : 'ide-hd,drive=disk,bus=ide.0'],
        ...(seed === undefined
          ? []
          : [
              '-drive',
              `file=${seed},format=raw,if=none,id=seed,readonly=on`,
              '-device',
              'ide-cd,drive=seed,bus=ide.1',
            ]),
      ],
      { stdio: 'ignore' },
    );
    const ask = () => {
      if (this.qemu?.exitCode !== null) throw new Error(`the machine ended:\n${this.serial().slice(-2000)}`);
      return banner(this.port);
    };
    return until(`ssh banner of ${this.directory}`, 240, ask, 1000);
  }

  /** Port of 127.0.0.1 that leads to its sshd. */
  get sshPort(): number {
    return this.port;
  }

  /** Runs a command in it as root, by the key and host key of {@link writeSeed}. */
  async ssh(command: string): Promise<string> {
    const { stdout } = await run('ssh', [
      ...['-F', 'none', '-p', String(this.port), '-i', join(this.directory, 'login'), '-o', 'BatchMode=yes'],
      ...['-o', `UserKnownHostsFile=${join(this.directory, 'known_hosts')}`, '-o', 'HostKeyAlias=machine'],
      // an emulated machine takes a second for each new connection; this one ends with the machine
      ...['-o', 'ControlMaster=auto', '-o', `ControlPath=${join(this.directory, 'ssh')}`, '-o', 'ControlPersist=yes'],
      ...['-o', 'StrictHostKeyChecking=yes', 'root@127.0.0.1', command],
    ]);
    return stdout.trim();
  }

  /** Stops it for a time, which it does not notice. */
  async pause(milliseconds: number): Promise<void> {
    await withQmp(this.directory, QMP, { timeoutMs: 10_000 }, async (qmp) => {
      await qmp.execute('stop');
      await sleep(milliseconds);
      await qmp.execute('cont');
    });
  }

  /** A seed that gives it a host key, lets root in and brings `files`. @returns path of the ISO */
  async writeSeed(files: readonly SeedFile[] = []): Promise<string> {
    const seed = join(this.directory, 'seed');
    mkdirSync(seed);
    for (const name of ['login', 'host']) {
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(this.directory, name)]);
    }
    const key = (name: string) => readFileSync(join(this.directory, name), 'utf8');
    writeFileSync(join(this.directory, 'known_hosts'), `machine ${key('host.pub')}`);
    const config = {
      ssh_keys: { ed25519_private: key('host'), ed25519_public: key('host.pub').trim() },
      hostname: 'under-test',
      write_files: [
        { path: '/etc/ssh/authorized_keys.d/root', permissions: '0644', content: key('login.pub') },
        // Before the image's own settings, of which sshd takes the first; accounts add up.
        {
          path: '/etc/ssh/sshd_config.d/00-test.conf',
          content: 'PermitRootLogin prohibit-password\nAllowUsers root\n',
        },
        ...files,
      ],
    };
    writeFileSync(join(seed, 'user-data'), `#cloud-config\n${stringify(config)}`);
    writeFileSync(join(seed, 'meta-data'), 'instance-id: test-1\n');
    const iso = join(this.directory, 'seed.iso');
    await run('xorriso', ['-as', 'mkisofs', '-quiet', '-o', iso, '-V', 'CIDATA', '-J', '-r', seed]);
    return iso;
  }

  serial(): string {
    return readFileSync(this.serialLog, 'utf8');
  }

  /** Switches it off from inside and waits for its end. */
  async powerOff(): Promise<void> {
    const ended = once(this.qemu!, 'exit');
    await this.ssh('systemctl poweroff --no-block');
    await ended;
  }

  /** Ends it as a power cut does. Does nothing when it is off. */
  async kill(): Promise<void> {
    if (this.qemu === undefined || this.qemu.exitCode !== null || this.qemu.signalCode !== null) return;
    const ended = once(this.qemu, 'exit');
    this.qemu.kill('SIGKILL');
    await ended;
  }

  private get serialLog(): string {
    return join(this.directory, 'serial.log');
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** What answers on the port within a second, if it is an sshd. */
async function banner(port: number): Promise<string | null> {
  const socket = connect(port, '127.0.0.1');
  try {
    const [data] = (await once(socket, 'data', { signal: AbortSignal.timeout(1000) })) as [Buffer];
    return data.toString('latin1').startsWith('SSH-2.0-') ? data.toString('latin1').trim() : null;
  } catch {
    return null;
  } finally {
    socket.destroy();
  }
}
